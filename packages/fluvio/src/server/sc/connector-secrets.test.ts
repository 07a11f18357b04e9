import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import {
  connectorControlApi,
  connectorPositionsApi,
  connectorStatsApi,
  createApi,
  deleteApi,
  listApi,
  type SecretsRequestInput,
  secretsApi,
  updateApi,
} from "../../protocol/index.ts";
import type { ConnectorCounters } from "./connector-host.ts";
import { IdleHost } from "./testing/idle-host.ts";
import { TestController } from "./testing/test-controller.ts";

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const bytes = (value: string) => new TextEncoder().encode(value);

async function started(dataDir?: string) {
  const host = new IdleHost();
  const controller = await TestController.start({
    connectorHost: host,
    ...(dataDir === undefined ? {} : { dataDir }),
  });
  controller.sc.startConnectors();
  const { client } = controller;
  const ask = (request: Partial<SecretsRequestInput> & Pick<SecretsRequestInput, "action">) =>
    client.request(secretsApi, { name: undefined, value: undefined, ...request });
  const config = (fields: object) => bytes(JSON.stringify({ name: "cats", type: "http", topic: "t", ...fields }));
  const create = async (fields: object) => {
    const spec = { config: config(fields) };
    const body = { name: "cats", dryRun: false, spec };
    return await client.request(createApi, { label: "ManagedConnector", body });
  };
  const update = (fields: object) =>
    client.request(updateApi, { label: "ManagedConnector", body: { key: "cats", action: { config: config(fields) } } });
  const control = (action: "pause" | "resume" | "restart" | "forget", name = "cats") =>
    client.request(connectorControlApi, { action, name });
  const listed = async () => {
    const body = { nameFilters: [], summary: false, system: false };
    const reply = await client.request(listApi, { label: "ManagedConnector", body });
    return reply.label === "ManagedConnector" ? reply.body : [];
  };
  return {
    ...{ host, controller, ask, create, update, control, listed },
    [Symbol.asyncDispose]: () => controller[Symbol.asyncDispose](),
  };
}

/** Every byte that the controller has on disk. */
async function onDisk(dataDir: string): Promise<string> {
  const files = await readdir(dataDir, { recursive: true, withFileTypes: true });
  const contents = files
    .filter((file) => file.isFile())
    .map(async (file) => (await readFile(join(file.parentPath, file.name))).toString("latin1"));
  return (await Promise.all(contents)).join("\n");
}

test("a secret is kept sealed, is there after a restart, and comes out for connectors alone", async () => {
  const sc = await started();
  const set = await sc.ask({ action: "set", name: "TOKEN", value: bytes("hunter2") });
  expect(set).toMatchObject({ error: { name: "None" }, secrets: [{ name: "TOKEN", usedBy: [] }] });
  await sc.ask({ action: "set", name: "ANOTHER", value: bytes("x") });
  expect(await onDisk(sc.controller.dataDir)).not.toContain("hunter2");
  await sc.controller.stop();
  await using again = await started(sc.controller.dataDir);
  const { secrets } = await again.ask({ action: "list" });
  expect(secrets.map(({ name }) => name)).toEqual(["ANOTHER", "TOKEN"]);
  expect(secrets[1]?.setTimeMs).toBe(set.secrets[0]?.setTimeMs);
  expect(await again.host.lookup("TOKEN")).toBe("hunter2");
  expect(await again.host.lookup("NONE")).toBeUndefined();
});

test("connectors that use a secret start again when it changes or goes, paused ones stay", async () => {
  await using sc = await started();
  sc.host.secretUsers.set("TOKEN", ["cats", "dogs"]);
  await sc.create({});
  await sc.control("pause");
  const { secrets } = await sc.ask({ action: "set", name: "TOKEN", value: bytes("1") });
  expect(secrets).toMatchObject([{ usedBy: ["cats", "dogs"] }]);
  expect(sc.host.told).toEqual(["settled cats", "restart dogs"]);
  await sc.control("resume");
  expect(await sc.ask({ action: "delete", name: "TOKEN" })).toMatchObject({ secrets: [{ name: "TOKEN" }] });
  expect(sc.host.told.slice(2)).toEqual(["restart cats", "restart dogs"]);
  expect((await sc.ask({ action: "list" })).secrets).toEqual([]);
});

test("names and values that cannot be are refused", async () => {
  await using sc = await started();
  const refused = async (name: string, value: Uint8Array) => {
    const { error } = await sc.ask({ action: "set", name, value });
    return error.name === "Other" ? error.message : error.name;
  };
  expect(await refused("7UP", bytes("x"))).toMatch(/^Invalid secret name "7UP": use up to 128 letters/);
  expect(await refused("A B", bytes("x"))).toMatch(/^Invalid secret name/);
  expect(await refused("A", bytes(""))).toBe("The value of secret A is empty");
  expect(await refused("A", new Uint8Array(64 * 1024 + 1))).toBe(
    "The value of secret A has 65537 bytes, the limit is 65536",
  );
  expect(await refused("A", Uint8Array.of(0xff))).toMatch(/is not UTF-8 text/);
  await sc.ask({ action: "set", name: "TOKEN", value: bytes("x") });
  const { error } = await sc.ask({ action: "delete", name: "TOKNE" });
  expect(error).toMatchObject({ message: expect.stringMatching(/^Secret not found: TOKNE\. Did you mean "TOKEN"\?/) });
  expect((await sc.ask({ action: "set" })).error.name).toBe("Other");
  expect((await sc.ask({ action: "list" })).secrets).toHaveLength(1);
});

test("secrets in the file of a connector are sealed as well, run after a restart, and are never shown", async () => {
  const sc = await started();
  await sc.create({ secrets: { TOKEN: "hunter2" } });
  expect(await onDisk(sc.controller.dataDir)).not.toContain("hunter2");
  await sc.control("pause");
  await sc.control("resume");
  expect(await onDisk(sc.controller.dataDir)).not.toContain("hunter2");
  await sc.controller.stop();
  await using again = await started(sc.controller.dataDir);
  expect(again.host.running.get("cats")).toContain("hunter2");
  const [shown] = await again.listed();
  expect(text(shown?.spec.config as Uint8Array)).toContain('"secrets":{"TOKEN":"[REDACTED]"}');
  // what was shown keeps them, also after the restart
  await again.update({ version: "2", secrets: { TOKEN: "[REDACTED]" } });
  expect(JSON.parse(again.host.running.get("cats") ?? "")).toMatchObject({
    version: "2",
    secrets: { TOKEN: "hunter2" },
  });
});

test("without the key a connector that holds secrets says so, does not run, and can be replaced or deleted", async () => {
  const sc = await started();
  await sc.create({ secrets: { TOKEN: "hunter2" } });
  await sc.controller.stop();
  const { dataDir } = sc.controller;
  await rm(join(dataDir, "secrets.key"));
  const again = await started(dataDir);
  expect(again.host.running.size).toBe(0);
  expect((await again.listed())[0]?.status).toMatchObject({
    resolution: "failed",
    reason: expect.stringMatching(/^The key of the secrets, .*secrets\.key, is missing/),
  });
  expect((await again.control("restart")).message).toMatch(/is missing/);
  const set = await again.ask({ action: "set", name: "A", value: bytes("x") });
  expect(set.error).toMatchObject({ message: expect.stringMatching(/is missing.*Restore the file from a copy/) });
  await again.update({});
  expect(again.host.running.get("cats")).toContain("cats");
  expect((await again.ask({ action: "set", name: "A", value: bytes("x") })).error.name).toBe("None");
  await again.controller.client.request(deleteApi, {
    label: "ManagedConnector",
    body: { key: "cats", force: false },
  });
  expect(await again.listed()).toEqual([]);
  await again[Symbol.asyncDispose]();
});

test("hidden parameters that come back keep what they were, in lists and maps too", async () => {
  await using sc = await started();
  sc.host.validate = async (config) =>
    bytes(text(config).replaceAll("hunter2", "[REDACTED]").replaceAll("swordfish", "[REDACTED]"));
  await sc.create({
    parameters: { password: "hunter2", headers: ["a: hunter2", "b: swordfish"], in: { pw: "hunter2" } },
  });
  const shown = JSON.parse(text((await sc.listed())[0]?.spec.config as Uint8Array)) as { parameters: object };
  expect(JSON.stringify(shown)).not.toContain("hunter2");
  const parameters = { ...shown.parameters, headers: ["b: [REDACTED]", "c: new"], user: "me" };
  await sc.update({ parameters });
  expect(JSON.parse(sc.host.running.get("cats") ?? "")).toMatchObject({
    parameters: { password: "hunter2", headers: ["b: swordfish", "c: new"], in: { pw: "hunter2" }, user: "me" },
  });
});

test("a paused connector stays paused over updates and restarts of the cluster", async () => {
  const sc = await started();
  await sc.create({});
  expect((await sc.control("pause")).error.name).toBe("None");
  expect(sc.host.running.get("cats")).toBe("paused");
  // twice is no mistake
  expect((await sc.control("pause")).error.name).toBe("None");
  await sc.update({ version: "2" });
  expect(sc.host.running.get("cats")).toBe("paused");
  await sc.controller.stop();
  await using again = await started(sc.controller.dataDir);
  expect(again.host.running.get("cats")).toBe("paused");
  expect((await again.listed())[0]?.status.resolution).toBe("paused");
  expect((await again.control("restart")).message).toMatch(
    /^Connector cats is paused\. Start it with `fluvio connector resume/,
  );
  expect((await again.control("resume")).error.name).toBe("None");
  expect(again.host.running.get("cats")).toContain('"version":"2"');
  await again.control("restart");
  expect((await again.control("forget")).message).toMatch(/^Connector cats is not paused/);
  await again.control("pause");
  const { client } = again.controller;
  const position = { name: "cats", position: bytes("7"), writer: "w", follows: undefined };
  await client.request(connectorPositionsApi, { action: "keep", ...position });
  await again.control("forget");
  expect((await client.request(connectorPositionsApi, { action: "list", ...position })).positions).toEqual([]);
  expect(again.host.told).toEqual(["restart cats", "settled cats", "forget cats"]);
  expect(await again.control("pause", "dogs")).toMatchObject({
    error: { name: "ManagedConnectorNotFound" },
    message: expect.stringMatching(/^Connector not found: dogs/),
  });
});

test("of connectors that are created at once under one name one is there, the others are refused", async () => {
  await using sc = await started();
  const made = await Promise.all([1, 2, 3, 4].map((version) => sc.create({ version })));
  const codes = made.map(({ errorCode }) => errorCode.name).sort();
  expect(codes).toEqual([
    "ManagedConnectorAlreadyExists",
    "ManagedConnectorAlreadyExists",
    "ManagedConnectorAlreadyExists",
    "None",
  ]);
  expect(await sc.listed()).toHaveLength(1);
});

test("counters have the lag of a sink, from the ends of its partitions", async () => {
  await using sc = await started();
  const counters: ConnectorCounters = {
    ...{ name: "cats", type: "http-sink", direction: "sink", topic: "t", sinceMs: 1, restarts: 2 },
    ...{ recordsIn: 9, bytesIn: 90, recordsOut: 7, bytesOut: 70, refused: 3, skipped: 1, deadLettered: 1 },
    ...{ lastError: "no", lastErrorMs: 5, lastRecordMs: 6, nextStartMs: undefined, lag: undefined, lagUnit: "records" },
    positions: [{ partition: 0, nextOffset: 7 }],
    modules: [],
  };
  await sc.create({});
  sc.host.known = [
    counters,
    { ...counters, name: "dogs", direction: "source", lag: 4, lagUnit: "bytes", positions: [] },
  ];
  const ask = (...names: string[]) => sc.controller.client.request(connectorStatsApi, { names });
  const partition = sc.controller.sc.stores.partitions.get("t-0");
  if (partition === undefined) throw new Error("no partition");
  const leader = { ...partition.status.leader, hw: 12 };
  sc.controller.sc.stores.partitions.put({ ...partition, status: { ...partition.status, leader } });
  const { connectors } = await ask();
  expect(connectors.map(({ name, lag, lagUnit }) => [name, lag, lagUnit])).toEqual([
    ["cats", 5, "records"],
    ["dogs", 4, "bytes"],
  ]);
  const { topic: _topic, positions: _positions, modules: _modules, ...sent } = counters;
  expect((await ask("cats")).connectors).toEqual([{ ...sent, lag: 5 }]);
  expect(sc.controller.sc.connectorCounters()[0]?.lag).toBe(5);
  expect(await ask("mice")).toMatchObject({
    error: { name: "ManagedConnectorNotFound" },
    message: expect.stringMatching(/^Connector not found: mice/),
  });
});
