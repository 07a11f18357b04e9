import type { ConnectorConfig, ParameterValue } from "fluvio/connector";
import { expect, test } from "vitest";
import { checkOptions } from "../../fluvio/src/connector/options/check.ts";
import { connector } from "./source.ts";

function check(parameters: Readonly<Record<string, ParameterValue>>, secrets: Readonly<Record<string, string>> = {}) {
  const config: ConnectorConfig = {
    name: "c",
    type: "nats",
    topic: "t",
    version: "latest",
    parameters: { stream: "s", ...parameters },
    secrets: {},
    transforms: [],
  };
  return checkOptions(connector, config, "connect.yml", secrets);
}

test("servers are one or several URLs or bare hosts, or in the secret NATS_URL", () => {
  const hosts = (servers: readonly URL[]) => servers.map((one) => `${one.protocol}${one.host}`);
  expect(hosts(check({ url: "nats://a:1,b:2, tls://c" }).url)).toEqual(["nats:a:1", "nats:b:2", "tls:c"]);
  expect(hosts(check({ servers: "a" }).url)).toEqual(["nats:a"]);
  expect(hosts(check({}, { NATS_URL: "nats://u:p@a" }).url)).toEqual(["nats:a"]);
  expect(hosts(check({ url: "ws://a:8080,wss://b/nats" }).url)).toEqual(["ws:a:8080", "wss:b"]);
  for (const url of ["http://a", "nats://a,ws://b"]) {
    expect(() => check({ url })).toThrow(/is not one or more URLs of servers, `nats:.*`tls:.*`ws:.*`wss:/);
  }
  expect(() => check({})).toThrow(/missing required option/);
});
