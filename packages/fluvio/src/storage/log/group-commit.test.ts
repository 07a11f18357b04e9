import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { FlushMode, PartitionLog, PartitionLogConfig, StorageEngine } from "../index.ts";
import { batchOf, numberedBatch, readAll } from "../testing/batches.ts";
import { FaultyFileSystem } from "../testing/faulty-file-system.ts";
import { type LogPlace, makeLogPlace } from "../testing/log-place.ts";

const CONFIG: PartitionLogConfig = {
  segmentSizeBytes: 64 * 1024 * 1024,
  maxPartitionSizeBytes: 1e9,
  retentionMs: undefined,
  flush: "always",
};
/** Above what is written on the spot. */
const LARGE = 40_000;

let place: LogPlace;
let fileSystem: FaultyFileSystem;
let engine: StorageEngine;
let log: PartitionLog;
let calls: { writev: number; datasync: number };

beforeEach(async () => {
  place = await makeLogPlace();
  fileSystem = new FaultyFileSystem();
  engine = await place.open({ fileSystem });
  log = await engine.open({ topic: "t", partition: 0 }, CONFIG);
  calls = { writev: 0, datasync: 0 };
  fileSystem.rule = (call) => {
    if (call === "writev" || call === "datasync") calls[call] += 1;
    return undefined;
  };
});
afterEach(async () => {
  await engine[Symbol.asyncDispose]();
  expect(fileSystem.openFiles).toBe(0);
  await place.remove();
});

/** Holds up syncs; the result lets them go on. */
function holdSyncs(): () => void {
  let open = () => {};
  fileSystem.syncGate = new Promise((resolve) => {
    open = resolve;
  });
  return () => {
    fileSystem.syncGate = undefined;
    open();
  };
}
/** Resolves when the log advanced to where `isThere` says yes. */
function until(isThere: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    if (isThere()) return resolve();
    const stop = log.onAdvance(() => {
      if (!isThere()) return;
      stop();
      resolve();
    });
  });
}

test.each([50, LARGE])("appends of %d B that come at once share one write and one sync", async (recordBytes) => {
  await Promise.all(Array.from({ length: 50 }, (_, at) => log.append([numberedBatch(`a${at}`, 1, recordBytes)])));
  expect(calls).toEqual({ writev: 1, datasync: 1 });
});

test("while one group is synced the next is written, and is committed only by its own sync", async () => {
  const release = holdSyncs();
  const settled: string[] = [];
  const first = log.append([numberedBatch("first", 1, LARGE)]).then(() => settled.push("first"));
  await until(() => log.logEndOffset === 1);
  const second = log.append([numberedBatch("second", 1, LARGE)]).then(() => settled.push("second"));
  const third = log.append([batchOf(["third"])]).then(() => settled.push("third"));
  await until(() => log.logEndOffset === 3);
  expect(log.highWatermark).toBe(0);
  expect(settled).toEqual([]);
  expect(calls).toEqual({ writev: 2, datasync: 1 });
  // Readers of uncommitted records see them, readers of committed ones do not.
  expect(await readAll(log, { upToOffset: log.logEndOffset })).toHaveLength(3);
  expect(await readAll(log, { upToOffset: log.highWatermark })).toHaveLength(0);
  release();
  await Promise.all([first, second, third]);
  expect(settled).toEqual(["first", "second", "third"]);
  expect(log.highWatermark).toBe(3);
  expect(calls.datasync).toBe(2);
});

test("what is written and not synced is bounded: writing waits for the sync", async () => {
  const release = holdSyncs();
  const appends = Array.from({ length: 60 }, (_, at) => log.append([numberedBatch(`b${at}`, 1, 1_000_000)]));
  await until(() => log.sizeBytes > 16 * 1024 * 1024);
  await new Promise((resolve) => setImmediate(resolve));
  expect(log.sizeBytes).toBeLessThan(22 * 1024 * 1024);
  release();
  await Promise.all(appends);
  expect(log.highWatermark).toBe(60);
});

test.each<FlushMode>(["os", { everyMs: 10_000 }])(
  "flush %j acknowledges without a sync; asking for one syncs",
  async (flush) => {
    log.reconfigure({ ...CONFIG, flush });
    await Promise.all([log.append([batchOf(["a"])]), log.append([numberedBatch("b", 1, LARGE)])]);
    await log.append([batchOf(["c"])]);
    expect(log.highWatermark).toBe(3);
    expect(calls.datasync).toBe(0);
    await log.flush();
    expect(calls.datasync).toBe(1);
    await log.flush();
    expect(calls.datasync).toBe(1);
  },
);

test("a flush every few milliseconds syncs by itself", async () => {
  log.reconfigure({ ...CONFIG, flush: { everyMs: 1 } });
  await log.append([batchOf(["a"])]);
  await expect.poll(() => calls.datasync).toBe(1);
});

test("changing to flush always makes durable what was only written", async () => {
  log.reconfigure({ ...CONFIG, flush: "os" });
  await log.append([batchOf(["a"])]);
  expect(calls.datasync).toBe(0);
  log.reconfigure(CONFIG);
  await log.append([batchOf(["b"])]);
  expect(calls.datasync).toBeGreaterThanOrEqual(1);
  expect(log.highWatermark).toBe(2);
});

test("a listener that throws disturbs neither the writer nor other listeners", async () => {
  let heard = 0;
  log.onAdvance(() => {
    throw new Error("a reader's mistake");
  });
  log.onAdvance(() => {
    heard += 1;
  });
  expect(await log.append([batchOf(["a"])])).toEqual({ baseOffset: 0, logEndOffset: 1 });
  expect(heard).toBeGreaterThan(0);
});

describe("files of full segments", () => {
  const SMALL = { ...CONFIG, segmentSizeBytes: 1000 };
  beforeEach(async () => {
    await engine[Symbol.asyncDispose]();
    engine = await place.open({ fileSystem, openSegmentsMax: 3, recentBytesMax: 0 });
    log = await engine.open({ topic: "t", partition: 0 }, SMALL);
  });

  test("are open within their bound, whatever is read", async () => {
    for (let at = 0; at < 20; at += 1) await log.append([batchOf(["v".repeat(900)])]);
    const reads = Array.from({ length: 20 }, (_, offset) => log.read(offset, { maxBytes: 10, upToOffset: 20 }));
    for (const slice of await Promise.all(reads)) expect(slice.sizeBytes).toBeGreaterThan(900);
    expect(fileSystem.openFiles).toBeLessThanOrEqual(1 + 3);
  });

  test("can be deleted while they are read: a read that has begun ends well, later ones are told", async () => {
    for (let at = 0; at < 10; at += 1) await log.append([batchOf([`${at}`.repeat(900)])]);
    log.reconfigure({ ...SMALL, maxPartitionSizeBytes: 2000 });
    const reads = Array.from({ length: 9 }, (_, offset) => log.read(offset, { maxBytes: 10, upToOffset: 10 }));
    const [results] = await Promise.all([Promise.allSettled(reads), log.enforceRetention(0)]);
    for (const [offset, result] of results.entries()) {
      if (result.status === "fulfilled")
        expect(result.value).toMatchObject({ firstOffset: offset, nextOffset: offset + 1 });
      else expect(result.reason).toMatchObject({ code: "FLV_OFFSET_EVICTED" });
    }
    expect(log.logStartOffset).toBe(8);
    expect(fileSystem.openFiles).toBeLessThanOrEqual(1 + 3);
  });
});

describe("retention of records without timestamps", () => {
  test("goes by when they were written", async () => {
    let nowMs = 1_800_000_000_000;
    await engine[Symbol.asyncDispose]();
    engine = await place.open({ fileSystem, nowMs: () => nowMs });
    log = await engine.open({ topic: "t", partition: 0 }, { ...CONFIG, retentionMs: 1000 });
    await log.append([batchOf(["a"], { timestampMs: -1 })]);
    expect(log.lastTimestampMs).toBeUndefined();
    nowMs += 900;
    expect(await log.enforceRetention(nowMs)).toBe(0);
    nowMs += 200;
    expect(await log.enforceRetention(nowMs)).toBeGreaterThan(0);
    expect(log).toMatchObject({ logStartOffset: 1, logEndOffset: 1 });
  });
});

describe("a partition at its maximum", () => {
  test("stays below it while records come, without anybody asking", async () => {
    const maxPartitionSizeBytes = 5000;
    log.reconfigure({ ...CONFIG, segmentSizeBytes: 1000, maxPartitionSizeBytes });
    for (let at = 0; at < 50; at += 1) {
      await log.append([batchOf(["v".repeat(400)])]);
      expect(log.sizeBytes).toBeLessThanOrEqual(maxPartitionSizeBytes + 1000);
    }
    expect(log.logStartOffset).toBeGreaterThan(30);
    expect((await readAll(log)).length).toBe(50 - log.logStartOffset);
  });

  test("in a single segment closes it, and drops it when there are newer records", async () => {
    for (let at = 0; at < 10; at += 1) await log.append([batchOf(["v".repeat(400)])]);
    const shrunk = { ...CONFIG, maxPartitionSizeBytes: 3000 };
    log.reconfigure(shrunk);
    expect(await log.enforceRetention(0)).toBe(0);
    expect(await log.enforceRetention(0)).toBe(0);
    expect(await readAll(log)).toHaveLength(10);
    await log.append([batchOf(["new"])]);
    expect(await log.enforceRetention(0)).toBeGreaterThan(4000);
    expect(await readAll(log)).toEqual([{ offset: 10, value: "new" }]);
  });
});
