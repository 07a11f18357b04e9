import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { buildAs } from "../../../../../tests/fixtures/build-as.ts";
import { GENERIC_KIND, type PartitionProduceResponse, readBatchHeader, splitBatches } from "../../protocol/index.ts";
import type { EngineLimits } from "../../smartengine/index.ts";
import type { Connection } from "../../transport/index.ts";
import type { ReplicaAssignment } from "../link.ts";
import {
  type BatchOptions,
  batchOf,
  nextReply,
  produceTo,
  readUntil,
  startSpu,
  streamFrom,
  type TestSpu,
} from "./testing/harness.ts";
import { HeldStorage } from "./testing/held-storage.ts";

const TOPIC = "unique";

describe("a deduplicated topic", () => {
  let spu: TestSpu;
  let storage: HeldStorage;
  let connection: Connection;
  let wasm: Uint8Array;
  let settings: NonNullable<ReplicaAssignment["deduplication"]>;
  beforeAll(async () => {
    wasm = await buildAs("dedup");
  });
  beforeEach(async () => {
    settings = { uses: "dedup", count: 100, ageMs: undefined, with: {} };
    await start({ memoryBytesMax: 32 << 20 });
  });
  afterEach(() => spu[Symbol.asyncDispose]());

  async function start(engineLimits: Partial<EngineLimits>): Promise<void> {
    spu = await startSpu({
      engineLimits,
      makeStorage: async (directory) => {
        storage = await HeldStorage.create(directory);
        return storage;
      },
    });
    spu.sc.modules.set("dedup", wasm);
  }
  async function begin(changes: Partial<typeof settings> = {}): Promise<void> {
    settings = { ...settings, ...changes };
    await spu.sc.assign(TOPIC, 1, { deduplication: settings });
    connection = await spu.connect();
  }
  async function restart(): Promise<void> {
    const { modules } = spu.sc;
    spu = await spu.restart();
    for (const [name, code] of modules) spu.sc.modules.set(name, code);
    await begin();
  }
  async function send(values: readonly string[], options?: BatchOptions): Promise<PartitionProduceResponse> {
    const [answer] = await produceTo(connection, { topic: TOPIC, entries: [batchOf(values, options)] });
    return answer as PartitionProduceResponse;
  }
  async function stored(): Promise<string[]> {
    const end = spu.sc.statuses.get(`${TOPIC}/0`)?.logEndOffset ?? 0;
    const records = await readUntil(connection, streamFrom(connection, { topic: TOPIC }), Math.max(end, 1));
    expect(records.map(({ offset }) => offset)).toEqual(records.map((_, index) => index));
    return records.map(({ value }) => value);
  }

  it("stores each value once; a producer of a repetition is told that all is well", async () => {
    await begin();
    expect(await send(["a", "b", "a"])).toMatchObject({ errorCode: { name: "None" }, baseOffset: 0 });
    expect(await send(["b", "a"])).toMatchObject({ errorCode: { name: "None" }, baseOffset: 0 });
    expect(await send(["b", "c"])).toMatchObject({ errorCode: { name: "None" }, baseOffset: 2 });
    await spu.sc.until(() => spu.sc.statuses.get(`${TOPIC}/0`)?.logEndOffset === 3, "stored");
    expect(await stored()).toEqual(["a", "b", "c"]);
  });

  it("knows what is stored when it is started again, as far as it looks back", async () => {
    await begin({ count: 2 });
    await send(["a", "b", "c"]);
    await restart();
    expect(await send(["b"])).toMatchObject({ baseOffset: 0 });
    expect(await send(["a"])).toMatchObject({ errorCode: { name: "None" }, baseOffset: 3 });
  });

  it("looks back no further than its age", async () => {
    await begin({ ageMs: 3_600_000 });
    await send(["old"], { timestampMs: Date.now() - 7_200_000 });
    await send(["new"], { timestampMs: Date.now() });
    await restart();
    expect(await send(["new"])).toMatchObject({ baseOffset: 0 });
    expect(await send(["old"])).toMatchObject({ baseOffset: 2 });
  });

  it("hands the module count, age and what the topic gives, which wins", async () => {
    await begin({ with: { refuse: "yes" } });
    expect((await send(["a"])).errorCode).toMatchObject({
      name: "SmartModuleChainInitError",
      message: expect.stringMatching(/the deduplication of unique-0 with SmartModule dedup failed:.*asked to refuse/s),
    });
  });

  it("keeps a batch that nothing is dropped from as it came", async () => {
    await begin();
    await send(["x".repeat(2000), "y".repeat(2000)], { compression: "gzip", timestampMs: 5000 });
    const { partition } = await nextReply(streamFrom(connection, { topic: TOPIC }));
    const [batch] = splitBatches(partition.records).batches;
    expect(readBatchHeader(batch as Uint8Array)).toMatchObject({ compression: "gzip", firstTimestampMs: 5000 });
  });

  it("keeps the order of producers' requests, and drops across connections", async () => {
    await begin();
    const connections = await Promise.all(Array.from({ length: 4 }, () => spu.connect()));
    await Promise.all(
      connections.map(async (on, id) => {
        const sending = Array.from({ length: 25 }, (_, n) =>
          produceTo(on, { topic: TOPIC, entries: [batchOf([`own ${id} ${n}`, `shared ${n}`])] }),
        );
        for (const [answer] of await Promise.all(sending)) expect(answer?.errorCode.name).toBe("None");
      }),
    );
    await spu.sc.until(() => spu.sc.statuses.get(`${TOPIC}/0`)?.logEndOffset === 125, "stored");
    const values = await stored();
    expect(new Set(values).size).toBe(125);
    for (const id of [0, 1, 2, 3]) {
      const own = values.filter((value) => value.startsWith(`own ${id} `));
      expect(own).toEqual(Array.from({ length: 25 }, (_, n) => `own ${id} ${n}`));
    }
  });

  it.each([
    { value: "error", error: { name: "StorageError" } },
    {
      value: "trap",
      error: { name: "Other", message: expect.stringMatching(/the deduplication of unique-0 .*dedup/) },
    },
    {
      value: "loop",
      error: { name: "Other", message: expect.stringMatching(/the deduplication of unique-0 .*dedup/) },
    },
    { value: "hog", error: { name: "SmartModuleMemoryLimitExceeded" } },
  ])(
    "refuses a request at which its module fails ($value), stores nothing of it and goes on",
    async ({ value, error }) => {
      if (value === "loop") {
        await spu[Symbol.asyncDispose]();
        await start({ batchTimeoutMs: 1000 });
      }
      await begin();
      expect((await send(["a"])).baseOffset).toBe(0);
      const failed = await send(["b", value]);
      expect(failed.errorCode).toMatchObject(error);
      // what came before the failure is not known as seen, what was stored is
      expect(await send(["a", "b", "c"])).toMatchObject({ errorCode: { name: "None" }, baseOffset: 1 });
      await spu.sc.until(() => spu.sc.statuses.get(`${TOPIC}/0`)?.logEndOffset === 3, "stored");
      expect(await stored()).toEqual(["a", "b", "c"]);
    },
  );

  it("does not take records for seen that could not be stored", async () => {
    await begin();
    await send(["a"]);
    storage.appendError = new Error("no disk today");
    const answers = await Promise.all([send(["b"]), send(["b", "c"])]);
    expect(answers.map(({ errorCode }) => errorCode.name)).not.toContain("None");
    storage.appendError = undefined;
    expect(await send(["a", "b", "c"])).toMatchObject({ errorCode: { name: "None" }, baseOffset: 1 });
    await spu.sc.until(() => spu.sc.statuses.get(`${TOPIC}/0`)?.logEndOffset === 3, "stored");
    expect(await stored()).toEqual(["a", "b", "c"]);
  });

  it.each([
    {
      name: "is missing",
      make: () => spu.sc.modules.delete("dedup"),
      error: { name: "SmartModuleNotFound", smartmodule: "dedup" },
    },
    {
      name: "is broken",
      make: () => spu.sc.brokenPayloads.set("dedup", Buffer.from("no gzip")),
      error: { name: "SmartModuleInvalid", error: expect.stringContaining("dedup") },
    },
    {
      name: "is none",
      make: () => spu.sc.modules.set("dedup", Buffer.from("no wasm")),
      error: { name: "SmartModuleChainInitError", message: expect.stringContaining("dedup") },
    },
  ])(
    "refuses writes with a reason while its module $name, serves readers, and takes writes once it is there",
    async ({ make, error }) => {
      await begin();
      await send(["a"]);
      make();
      const broken = spu.sc.brokenPayloads.get("dedup");
      const { modules } = spu.sc;
      spu = await spu.restart();
      for (const [name, code] of modules) spu.sc.modules.set(name, code);
      if (broken !== undefined) spu.sc.brokenPayloads.set("dedup", broken);
      await begin();
      expect((await send(["b"])).errorCode).toMatchObject(error);
      expect(await stored()).toEqual(["a"]);
      spu.sc.brokenPayloads.clear();
      spu.sc.modules.set("dedup", wasm);
      spu.sc.send({ type: "smartModuleChanged", name: "dedup" });
      expect(await send(["a", "b"])).toMatchObject({ errorCode: { name: "None" }, baseOffset: 1 });
    },
  );

  it("takes over new code on request, and goes on with the old when that cannot run", async () => {
    await begin();
    await send(["a"]);
    const store = (code: Uint8Array) => {
      spu.sc.modules.set("dedup", code);
      spu.sc.send({ type: "smartModuleChanged", name: "dedup" });
    };
    store(Buffer.from("no wasm"));
    expect(await spu.sc.request({ kind: "switchModule", name: "dedup" })).toMatchObject({
      value: { switched: 0, failures: [expect.stringMatching(/^the deduplication of unique-0 goes on/)] },
    });
    expect(await send(["a", "b"])).toMatchObject({ errorCode: { name: "None" }, baseOffset: 1 });
    store(await buildAs("keep-all"));
    expect(await spu.sc.request({ kind: "switchModule", name: "dedup" })).toMatchObject({
      value: { switched: 1, failures: [] },
    });
    expect(await send(["a", "b"])).toMatchObject({ baseOffset: 2 });
  });

  it("applies a producer's own modules first", async () => {
    await begin();
    spu.sc.modules.set("filter", await buildAs("filter"));
    const smartmodules = [
      { wasm: { type: "predefined", name: "filter" }, kind: GENERIC_KIND, params: new Map() } as const,
    ];
    const entries = [batchOf(["apple", "plum"]), batchOf(["apple", "pear"])];
    const answers = await produceTo(connection, { topic: TOPIC, entries, smartmodules });
    expect(answers.map(({ errorCode, baseOffset }) => [errorCode.name, baseOffset])).toEqual([
      ["None", 0],
      ["None", 1],
    ]);
    await spu.sc.until(() => spu.sc.statuses.get(`${TOPIC}/0`)?.logEndOffset === 2, "stored");
    expect(await stored()).toEqual(["apple", "pear"]);
  });
});
