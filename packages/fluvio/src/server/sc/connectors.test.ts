import { expect, test } from "vitest";
import {
  connectorLogsApi,
  createApi,
  deleteApi,
  flvError,
  listApi,
  type Status,
  updateApi,
} from "../../protocol/index.ts";
import { IdleHost } from "./testing/idle-host.ts";
import { TestController } from "./testing/test-controller.ts";

/** Refuses some configurations, and has a log. */
class TestHost extends IdleHost {
  override async validate(config: Uint8Array): Promise<Uint8Array> {
    if (text(config).includes("bad-key")) {
      throw flvError("FLV_CONNECTOR_INVALID", 'Unknown key "bad-key"', { hint: 'Did you mean "interval"?' });
    }
    return await super.validate(config);
  }
  override async *readLog(
    name: string,
    options: { fromByte: number; follow: boolean; signal: AbortSignal },
  ): AsyncIterable<Uint8Array> {
    if (name === "broken") throw flvError("FLV_FILE", "the log cannot be read");
    yield new TextEncoder().encode("first line\n").subarray(options.fromByte);
    yield new TextEncoder().encode("second line\n");
  }
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
function config(fields: Record<string, unknown>): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ type: "http", ...fields }));
}
function create(controller: TestController, name: string, bytes: Uint8Array, dryRun = false): Promise<Status> {
  return controller.client.request(createApi, {
    label: "ManagedConnector",
    body: { name, dryRun, spec: { config: bytes } },
  });
}
function update(controller: TestController, key: string, bytes: Uint8Array): Promise<Status> {
  return controller.client.request(updateApi, { label: "ManagedConnector", body: { key, action: { config: bytes } } });
}
function remove(controller: TestController, key: string): Promise<Status> {
  return controller.client.request(deleteApi, { label: "ManagedConnector", body: { key, force: false } });
}
async function list(controller: TestController) {
  const reply = await controller.client.request(listApi, {
    label: "ManagedConnector",
    body: { nameFilters: [], summary: false, system: false },
  });
  if (reply.label !== "ManagedConnector") throw new Error(reply.label);
  return reply.body;
}

async function started() {
  const host = new TestHost();
  const controller = await TestController.start({ connectorHost: host });
  controller.sc.startConnectors();
  return { host, controller, [Symbol.asyncDispose]: () => controller[Symbol.asyncDispose]() };
}

const CATS = config({ name: "cats", topic: "cat-facts" });

test("a connector is kept and run, its topic made with one partition, its status shown", async () => {
  await using cluster = await started();
  const { controller, host } = cluster;
  expect((await create(controller, "cats", CATS)).errorCode.name).toBe("None");
  expect(host.running.get("cats")).toBe(text(CATS));
  expect((await controller.partitions()).map(({ name }) => name)).toEqual(["cat-facts-0"]);
  expect((await list(controller))[0]).toMatchObject({ name: "cats", status: { resolution: "initializing" } });
  const watch = controller.watch("ManagedConnector");
  await watch.next();
  host.say("cats", { resolution: "failed", reason: "refused by the server", restarts: 3 });
  expect((await watch.next()).value.body.changes[0].object.status).toEqual({
    resolution: "failed",
    reason: "refused by the server",
    processId: 7,
    restarts: 3,
  });
  host.say("absent", {});
  expect(await list(controller)).toHaveLength(1);
});

test("an existing topic is left as it is; one with options of its own is left to the connector", async () => {
  await using cluster = await started();
  const { controller } = cluster;
  await controller.createTopic("cat-facts", {
    replicas: { type: "computed", partitions: 3, replicationFactor: 1, ignoreRackAssignment: false },
  });
  await create(controller, "cats", CATS);
  expect(await controller.partitions()).toHaveLength(3);
  await create(controller, "dogs", config({ name: "dogs", topic: "dog-facts", "topic-options": { partitions: "4" } }));
  expect((await controller.topics()).map(({ name }) => name)).toEqual(["cat-facts"]);
});

test("connectors that begin at once with the same new topic share it", async () => {
  await using cluster = await started();
  const names = ["a", "b", "c", "d"];
  const statuses = await Promise.all(
    names.map((name) => create(cluster.controller, name, config({ name, topic: "shared" }))),
  );
  expect(statuses.map(({ errorCode }) => errorCode.name)).toEqual(names.map(() => "None"));
});

test("bad configurations are refused at creation and at update, with the host's words", async () => {
  await using cluster = await started();
  const { controller, host } = cluster;
  await create(controller, "cats", CATS);
  for (const [bytes, sentence] of [
    [config({ name: "cats", topic: "t", "bad-key": 1 }), /^Unknown key "bad-key"\. Did you mean "interval"\?$/],
    [config({ name: "other", topic: "t" }), /is called (cats|new), but its configuration says other$/],
    [config({ name: "cats" }), /"topic" is missing/],
    [Uint8Array.of(0xff, 0x00), /not JSON in UTF-8/],
    [new TextEncoder().encode("[1]"), /no JSON object/],
  ] as const) {
    for (const status of [await create(controller, "new", bytes), await update(controller, "cats", bytes)]) {
      expect(status.errorCode.name).toBe("ManagedConnectorError");
      if (status.name === "cats" || !/Unknown key/.test(String(sentence)))
        expect(status.errorMessage).toMatch(sentence);
    }
  }
  expect((await create(controller, "bad name", CATS)).errorMessage).toMatch(/^Invalid name for connector/);
  expect((await create(controller, "t", config({ name: "t", topic: "Not_A_Topic" }))).errorCode.name).toBe(
    "TopicInvalidName",
  );
  expect([...host.running.keys()]).toEqual(["cats"]);
  expect((await list(controller)).map(({ name }) => name)).toEqual(["cats"]);
});

test("an update is run in place; a delete stops it; missing ones are not found, existing ones exist", async () => {
  await using cluster = await started();
  const { controller, host } = cluster;
  expect((await create(controller, "cats", CATS, true)).errorCode.name).toBe("None");
  expect(host.running.size).toBe(0);
  await create(controller, "cats", CATS);
  expect(await create(controller, "cats", CATS)).toMatchObject({
    errorCode: { name: "ManagedConnectorAlreadyExists" },
    errorMessage: expect.stringMatching(/^Connector already exists: cats/),
  });
  const changed = config({ name: "cats", topic: "cat-facts", version: "2" });
  expect((await update(controller, "cats", changed)).errorCode.name).toBe("None");
  expect(host.running.get("cats")).toBe(text(changed));
  expect((await remove(controller, "cats")).errorCode.name).toBe("None");
  expect(host.running.size).toBe(0);
  for (const status of [await remove(controller, "cats"), await update(controller, "cats", CATS)]) {
    expect(status).toMatchObject({
      errorCode: { name: "ManagedConnectorNotFound" },
      errorMessage: expect.stringMatching(/^Connector not found: cats/),
    });
  }
});

test("secrets never leave the cluster, and what a reader got can be sent back without losing them", async () => {
  await using cluster = await started();
  const { controller, host } = cluster;
  const withSecrets = (token: string, more = {}) =>
    config({ name: "cats", topic: "t", secrets: { TOKEN: token }, ...more });
  await create(controller, "cats", withSecrets("s3cret"));
  const shown = (await list(controller))[0]?.spec.config as Uint8Array;
  expect(JSON.parse(text(shown)).secrets).toEqual({ TOKEN: "[REDACTED]" });
  await update(controller, "cats", withSecrets("[REDACTED]", { version: "2" }));
  expect(JSON.parse(host.running.get("cats") ?? "")).toMatchObject({ version: "2", secrets: { TOKEN: "s3cret" } });
  await update(controller, "cats", withSecrets("changed"));
  expect(JSON.parse(host.running.get("cats") ?? "")).toMatchObject({ secrets: { TOKEN: "changed" } });
});

test("stored connectors are run again after a restart, not before the cluster is ready", async () => {
  const { host, controller } = await started();
  await create(controller, "cats", CATS);
  await controller.stop();
  host.running.clear();
  await using again = await TestController.start({ dataDir: controller.dataDir, connectorHost: host });
  expect(host.running.size).toBe(0);
  again.sc.startConnectors();
  expect(host.running.get("cats")).toBe(text(CATS));
});

test("a connector's log streams to its end, from the byte asked for; errors end it with a code", async () => {
  await using cluster = await started();
  const { controller } = cluster;
  await create(controller, "cats", CATS);
  await create(controller, "broken", config({ name: "broken", topic: "t" }));
  const read = async (name: string, fromByte: number) => {
    const replies = [];
    for await (const reply of controller.client.stream(connectorLogsApi, { name, fromByte, follow: false })) {
      replies.push(reply);
      if (reply.end) break;
    }
    return replies;
  };
  const replies = await read("cats", 6);
  expect(replies.map(({ chunk }) => text(chunk)).join("")).toBe("line\nsecond line\n");
  expect(replies.at(-1)).toMatchObject({ end: true, nextByte: 23, error: { name: "None" } });
  expect((await read("nope", 0)).at(-1)).toMatchObject({ end: true, error: { name: "ManagedConnectorNotFound" } });
  expect((await read("broken", 0)).at(-1)).toMatchObject({
    end: true,
    error: { name: "Other", message: "the log cannot be read" },
  });
});

test("a cluster that runs no connectors says so", async () => {
  await using controller = await TestController.start();
  expect((await create(controller, "cats", CATS)).errorMessage).toMatch(/^This cluster does not run connectors/);
});
