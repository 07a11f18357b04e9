import { expect, test, vi } from "vitest";
import { freePort } from "../../../tests/free-port.ts";
import type { ParameterValue } from "../../fluvio/src/connector/file/config.ts";
import { useConnectors } from "./connectors.ts";
import { useManaged } from "./managed.ts";

/** Connectors as the cluster runs them, at addresses where nobody is. */
const connectors = useConnectors();
const managed = useManaged(connectors);
const WAIT = { timeout: 30_000, interval: 20 };

test("state and log tell which server cannot be reached, without what is secret in its URL", async () => {
  const host = `127.0.0.1:${await freePort()}`;
  const topic = await connectors.topicWith(["a"]);
  const tried: readonly (readonly [type: string, parameters: Readonly<Record<string, ParameterValue>>])[] = [
    ["redis-sink", { url: `redis://ann:hun"ter2@${host}/0` }],
    ["mqtt-sink", { url: `mqtt://ann:hun<ter2@${host}`, topic: "x" }],
    ["nats-sink", { url: `nats://hunter2-token@${host},nats://hunter2-token@${host}`, subject: "x" }],
    ["sql-sink", { url: `postgres://ann:hun%22ter2@${host}/db`, table: "x" }],
  ];
  for (const [type, parameters] of tried) {
    const config = connectors.config(type, topic, parameters);
    managed.apply(config);
    await vi.waitFor(() => expect(managed.status(config.name)?.reason, type).toContain(host), WAIT);
    // state and log come on ways of their own
    await vi.waitFor(async () => expect(await managed.log(config.name), type).toContain(host), WAIT);
    const log = await managed.log(config.name);
    for (const text of [log, managed.status(config.name)?.reason]) expect(text, type).not.toMatch(/hun.*ter2|REDACTED/);
    await managed.remove(config.name);
  }
}, 180_000);
