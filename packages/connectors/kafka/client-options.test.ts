import { describe, expect, test } from "vitest";
import type { ConnectorConfig, ParameterValue } from "../../fluvio/src/connector/file/config.ts";
import { checkOptions } from "../../fluvio/src/connector/options/check.ts";
import { clientOptions } from "./client-options.ts";
import { connectionOptions } from "./connection.ts";
import { connector as sink } from "./sink.ts";
import { connector as source } from "./source.ts";

type Parameters = Readonly<Record<string, ParameterValue>>;
const file = (parameters: Parameters): ConnectorConfig => ({
  name: "k",
  type: "kafka",
  topic: "t",
  version: "latest",
  parameters: { "kafka-url": "a:9092,b:9093", ...parameters },
  secrets: {},
  transforms: [],
});
const checkSource = (parameters: Parameters) => checkOptions(source, file(parameters), "connect.yml");
const checkSink = (parameters: Parameters) => checkOptions(sink, file(parameters), "connect.yml");

describe("kafka-option", () => {
  test("takes librdkafka's names", () => {
    const { "kafka-option": pairs } = checkSink({
      "kafka-option": { "compression.type": "LZ4", "linger.ms": "20", acks: "all" },
    });
    expect(clientOptions(pairs)).toEqual({ compression: "lz4", lingerMs: 20, acks: -1 });
  });

  test.each([
    [
      { "queue.buffering.max.kbytes": "1" },
      /has `queue.buffering.max.kbytes`, which means nothing here: write .*linger.ms/,
    ],
    [{ acks: "1" }, /has a value for `acks` that is not all, -1/],
    [{ "auto.offset.reset": "latest" }, /has `auto.offset.reset`, which is an option of a source/],
  ])("refuses %j", (options, expected) => {
    expect(() => checkSink({ "kafka-option": options })).toThrow(expected);
  });

  test("does not show a wrong password's neighbours", () => {
    const options = { "sasl.password": "very-secret", "no.such": "1" };
    expect(() => checkSource({ options })).toThrow(
      expect.not.objectContaining({ message: expect.stringContaining("very-secret") }),
    );
  });
});

describe("partitions", () => {
  test.each([
    ["all", "all"],
    ["0", [0]],
    ["2, 1,2", [2, 1]],
  ])("of a source: %j", (given, expected) => {
    expect(checkSource({ "kafka-partition": given })["kafka-partition"]).toEqual(expected);
  });

  test("of a source that mean nothing are refused", () => {
    expect(() => checkSource({ "kafka-partition": "some" })).toThrow(/is "some", which is not a partition such as 0/);
  });

  test("of a sink: a number or `key`", () => {
    expect(checkSink({ partition: "3" })["kafka-partition"]).toBe(3);
    expect(checkSink({ "kafka-partition": "key" })["kafka-partition"]).toBe("key");
    expect(() => checkSink({ "kafka-partition": "-1" })).toThrow(/which is not a partition such as 0, or key/);
  });
});

describe("security", () => {
  const connect = async (parameters: Parameters) => {
    const own = checkSource(parameters);
    return await connectionOptions(own, clientOptions(own["kafka-option"]), "k");
  };

  test("is none without certificates and user", async () => {
    expect(await connect({})).toEqual({
      clientId: "fluvio_connector_k",
      bootstrapBrokers: ["a:9092", "b:9093"],
      connectTimeout: 4000,
    });
  });

  test("is by what is given, with the server's name for brokers that have one", async () => {
    expect(await connect({ "ssl-ca-pem": "CA" })).toMatchObject({ tls: { ca: "CA" }, tlsServerName: true });
    const byAddress = await connect({ "kafka-url": "127.0.0.1:9092", "security-protocol": "ssl" });
    expect(byAddress).toMatchObject({ tls: {} });
    expect(byAddress).not.toHaveProperty("tlsServerName");
    expect(await connect({ "sasl-username": "u", "sasl-password": "p" })).toMatchObject({
      sasl: { mechanism: "PLAIN", username: "u", password: "p" },
    });
  });

  test("is read from today's map too", async () => {
    const security = { security_protocol: "ssl", ssl_ca: { pem: "CA" }, ssl_key: { pem: "KEY" } };
    expect(await connect({ security })).toMatchObject({ tls: { ca: "CA", key: "KEY" } });
  });
});
