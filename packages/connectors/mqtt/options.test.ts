import type { ConnectorConfig, ParameterValue } from "fluvio/connector";
import { describe, expect, test } from "vitest";
import { checkOptions } from "../../fluvio/src/connector/options/check.ts";
import { connector as sink } from "./sink.ts";
import { connector as source } from "./source.ts";

const config = (parameters: Readonly<Record<string, ParameterValue>>): ConnectorConfig => ({
  name: "c",
  type: "mqtt",
  topic: "t",
  version: "latest",
  parameters,
  secrets: {},
  transforms: [],
});
const check = (parameters: Readonly<Record<string, ParameterValue>>, secrets: Readonly<Record<string, string>> = {}) =>
  checkOptions(source, config(parameters), "connect.yml", secrets);

describe("options of the source", () => {
  test("have the names of the original's older and newer files", () => {
    const older = check({ "mqtt-url": "mqtts://h", "mqtt-topic": "a/#", timeout: "30s", client_id: "me" });
    const newer = check({ url: "mqtts://h", topic: "a/#", timeout: { secs: "30", nanos: "0" }, "client-id": "me" });
    expect(older).toEqual(newer);
    expect(older).toMatchObject({ topic: ["a/#"], timeout: 30_000, client_id: "me", payload_output_type: "binary" });
  });

  test("take a bare host, and the URL from the secret MQTT_URL", () => {
    expect(check({ url: "broker:1884", topic: "a" }).url.href).toBe("mqtt://broker:1884");
    expect(check({ topic: "a" }, { MQTT_URL: "ssl://u:p@broker" }).url.href).toBe("ssl://u:p@broker");
    expect(() => check({ topic: "a" })).toThrow(/missing required option `parameters.url`/);
  });

  test.each([
    [{ url: "http://h", topic: "a" }, /not a URL that begins with mqtt/],
    [{ url: "h", topic: "a", qos: "3" }, /not one of 0, 1, 2/],
    [{ url: "h", topic: "a", "protocol-version": "4" }, /not one of 5, 3.1.1/],
    [{ url: "h", topic: "a", payload_output_type: "text" }, /not one of binary, json, raw/],
  ])("%j are refused", (parameters, problem) => {
    expect(() => check(parameters)).toThrow(problem);
  });
});

test("a sink's topic is a template", () => {
  const checked = (topic: string) => checkOptions(sink, config({ url: "h", topic }), "connect.yml");
  expect(checked("a/{{key}}").topic.source).toBe("a/{{key}}");
  expect(() => checked("a/{{kee}}")).toThrow(/not a template/);
});
