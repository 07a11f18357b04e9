import { randomBytes } from "node:crypto";
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { listApi, Reader, type WatchResponse, watchApi } from "../../protocol/index.ts";
import { ObjectStore } from "./object-store.ts";
import { RawClient } from "./testing/raw-client.ts";
import { TestController, WASM, WASM_HEADER } from "./testing/test-controller.ts";

interface Change {
  readonly message: string;
  readonly object: { readonly name: string };
}
type Body = {
  readonly epoch: number;
  readonly all: readonly { readonly name: string }[];
  readonly changes: readonly Change[];
};

async function next(watch: AsyncIterableIterator<WatchResponse>): Promise<Body> {
  const result = await watch.next();
  if (result.done === true || result.value.label === "unknown") throw new Error("the watch ended");
  return result.value.body as Body;
}

/** Reads until the watcher's view, built as clients build it, is as wanted. */
async function follow(
  watch: AsyncIterableIterator<WatchResponse>,
  view: Map<string, unknown>,
  reached: () => boolean,
): Promise<void> {
  while (!reached()) {
    const body = await next(watch);
    if (body.all.length > 0) view.clear();
    for (const object of body.all) view.set(object.name, object);
    for (const { message, object } of body.changes) {
      if (message === "delete") view.delete(object.name);
      else view.set(object.name, object);
    }
  }
}

/** A Watch request for any label, without its length: key 1004, version 19, no client id. */
function watchRequest(label: string, correlationId: number): Buffer {
  const header = Buffer.from("03ec0013000000000000", "hex");
  header.writeInt32BE(correlationId, 4);
  return Buffer.concat([
    header,
    Buffer.from([0, label.length]),
    Buffer.from(label),
    Buffer.from("00000009000000000000000000", "hex"),
  ]);
}

test("a watch begins with everything, then tells changes with a growing epoch", async () => {
  await using controller = await TestController.start();
  await controller.createTopic("hello");
  const watch = controller.watch("Topic");
  const first = await next(watch);
  expect(first.all.map(({ name }) => name)).toEqual(["consumer-offset", "hello"]);
  expect(first.changes).toEqual([]);
  await controller.createTopic("second");
  const second = await next(watch);
  expect(second).toMatchObject({ all: [], changes: [{ message: "update", object: { name: "second" } }] });
  expect(second.epoch).toBeGreaterThan(first.epoch);
  await controller.deleteTopic("second");
  const view = new Map<string, unknown>([["second", undefined]]);
  await follow(watch, view, () => !view.has("second"));
});

test("an empty store gives an empty snapshot at once", async () => {
  await using controller = await TestController.start();
  for (const label of ["SmartModule", "TableFormat", "SpuGroup", "ManagedConnector"] as const) {
    expect(await next(controller.watch(label))).toMatchObject({ all: [], changes: [] });
  }
});

test("a new partition is seen offline without figures, then online", async () => {
  await using controller = await TestController.start({ spu: { serves: false } });
  const watch = controller.watch("Partition");
  await next(watch);
  const creation = controller.createTopic("hello");
  const offline = await next(watch);
  expect(offline.changes[0]).toMatchObject({
    message: "update",
    object: { name: "hello-0", status: { resolution: "offline", leader: { spu: -1, hw: -1, leo: -1 }, size: -2 } },
  });
  controller.spu.report({ topic: "hello", partition: 0 });
  expect((await next(watch)).changes[0]).toMatchObject({
    object: { status: { resolution: "online", leader: { spu: 5001, hw: 0, leo: 0 } } },
  });
  await creation;
});

test("moved offsets reach watchers; an SPU that goes away takes its partitions' leader with it", async () => {
  await using controller = await TestController.start();
  await controller.createTopic("hello");
  const watch = controller.watch("Partition");
  await next(watch);
  controller.spu.report({
    topic: "hello",
    partition: 0,
    highWatermark: 7,
    logEndOffset: 9,
    sizeBytes: 100,
    logStartOffset: 2,
  });
  expect((await next(watch)).changes).toMatchObject([
    { object: { name: "hello-0", status: { leader: { spu: 5001, hw: 7, leo: 9 }, size: 100, baseOffset: 2 } } },
  ]);
  controller.spu.close();
  const view = new Map<string, { status: { resolution: string } }>();
  await follow(watch, view, () => view.get("hello-0")?.status.resolution === "leaderOffline");
});

test("many watches of one type on one connection work side by side", async () => {
  await using controller = await TestController.start();
  const connection = await controller.connection();
  const watches = Array.from({ length: 20 }, () => controller.watch("Topic", connection));
  for (const watch of watches) expect((await next(watch)).all).toHaveLength(1);
  await controller.createTopic("hello");
  for (const watch of watches) expect((await next(watch)).changes.map(({ object }) => object.name)).toEqual(["hello"]);
});

test("every watcher ends with the same view under load", async () => {
  await using controller = await TestController.start();
  const connections = await Promise.all(Array.from({ length: 4 }, () => controller.connection()));
  const views = connections.flatMap((connection) =>
    Array.from({ length: 5 }, () => ({
      watch: controller.watch("Topic", connection),
      view: new Map<string, unknown>(),
    })),
  );
  const expected = ["consumer-offset", ...Array.from({ length: 50 }, (_, index) => `topic-${index * 2 + 1}`)].sort();
  const done = Promise.all(
    views.map(({ watch, view }) =>
      follow(watch, view, () => view.size === 51 && !view.has("topic-98") && view.has("topic-99")),
    ),
  );
  for (let index = 0; index < 100; index += 20) {
    const names = Array.from({ length: 20 }, (_, i) => `topic-${index + i}`);
    await Promise.all(names.map((name) => controller.createTopic(name)));
    await Promise.all(names.filter((_, i) => i % 2 === 0).map((name) => controller.deleteTopic(name)));
  }
  await done;
  for (const { view } of views) expect([...view.keys()].sort()).toEqual(expected);
});

test("a watcher that does not read costs one merged change for each object, and gets them all when it reads", async () => {
  const store = new ObjectStore("SpuGroup");
  const group = (name: string, replicas: number) =>
    ({
      name,
      spec: { replicas, minId: 0, rack: undefined, replication: undefined, storage: undefined, env: [] },
      status: { resolution: "init", reason: undefined },
    }) as const;
  store.put(group("kept", 0), group("gone", 0));
  const watch = store.watch();
  const { signal } = new AbortController();
  expect((await watch.next(signal)).all).toHaveLength(2);
  for (let change = 1; change <= 10_000; change++) {
    store.put(group("kept", change), group(`passing-${change}`, 0));
    store.delete(`passing-${change}`);
  }
  store.delete("gone");
  const { changes } = await watch.next(signal);
  expect(changes.map(({ type, object }) => [type, object.name, object.spec.replicas])).toEqual([
    ["update", "kept", 10_000],
    ["delete", "gone", 0],
  ]);
});

test("a client that never reads its watch disturbs nobody; what it missed is merged when it reads", async () => {
  await using controller = await TestController.start();
  const silent = new RawClient(controller.sc.port);
  silent.socket.pause();
  silent.send(watchRequest("SmartModule", 3));
  const modules = Array.from({ length: 30 }, (_, index) =>
    gzipSync(Buffer.concat([WASM_HEADER, randomBytes(1_000_000 + index)])),
  );
  for (const module of modules)
    expect((await controller.createSmartModule("filter", module)).errorCode.name).toBe("None");
  silent.socket.resume();
  let frames = 0;
  let newest: Uint8Array | undefined;
  while (newest?.length !== modules.at(-1)?.length) {
    const decoded = watchApi.response.read(new Reader(await silent.reply(3), 4), 19);
    if (decoded.label !== "SmartModule") throw new Error(decoded.label);
    for (const { object } of decoded.body.changes) newest = object.spec.wasm.payload;
    frames++;
  }
  expect(frames).toBeLessThan(modules.length);
  silent.close();
});

test("a watch of SmartModules carries the code, or only its length when a summary is asked for", async () => {
  await using controller = await TestController.start();
  await controller.createSmartModule("filter");
  const full = await next(controller.watch("SmartModule"));
  expect(full.all[0]).toMatchObject({ name: "filter", spec: { summary: undefined } });
  const { spec } = full.all[0] as unknown as { readonly spec: { readonly wasm: { readonly payload: Uint8Array } } };
  expect(Uint8Array.from(spec.wasm.payload)).toEqual(WASM);
  const summary = controller.client.stream(watchApi, { label: "SmartModule", body: { epoch: 0, summary: true } });
  expect(await next(summary)).toMatchObject({
    all: [{ spec: { summary: { wasmLength: WASM.length }, wasm: { payload: { length: 0 } } } }],
  });
});

test("what cannot be watched or listed ends the connection; other connections go on", async () => {
  await using controller = await TestController.start();
  for (const label of ["CustomSpu", "Mirror", "Nonsense"]) {
    const connection = await controller.connection();
    const raw = new RawClient(controller.sc.port);
    raw.send(watchRequest(label, 1));
    await raw.ended;
    expect(connection.isOpen).toBe(true);
  }
  expect(
    await controller.client.request(listApi, {
      label: "Mirror",
      body: { nameFilters: [], summary: false, system: false },
    }),
  ).toMatchObject({ label: "Mirror", body: [] });
});
