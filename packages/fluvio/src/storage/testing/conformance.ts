import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { PartitionId, PartitionLog, PartitionLogConfig, StorageEngine } from "../index.ts";
import { batchOf, numberedBatch, readAll, recordsOf } from "./batches.ts";

const ID: PartitionId = { topic: "some-topic", partition: 3 };
const HOUR_MS = 3_600_000;
const START_MS = 1_700_000_000_000;

/** A place that engines are opened on, one after the other. */
export interface StoragePlace {
  open(): Promise<StorageEngine>;
  /** Removes the place. Every engine is closed by then. */
  remove(): Promise<void>;
}

export interface ConformanceOptions {
  readonly makePlace: () => Promise<StoragePlace>;
  readonly config: PartitionLogConfig;
}

/** What every storage engine must do, over its public interface alone. */
export function storageConformance(name: string, options: ConformanceOptions): void {
  describe(`storage conformance: ${name}`, () => {
    const { config } = options;
    let place: StoragePlace;
    let engine: StorageEngine;
    let log: PartitionLog;

    beforeEach(async () => {
      place = await options.makePlace();
      engine = await place.open();
      log = await engine.open(ID, config);
    });
    afterEach(async () => {
      await engine[Symbol.asyncDispose]();
      await place.remove();
    });
    async function reopen(): Promise<void> {
      await engine[Symbol.asyncDispose]();
      engine = await place.open();
      log = await engine.open(ID, config);
    }
    /** Appends `count` batches of three records `b<n>-0` to `b<n>-2`, and gives the values in order. */
    async function fill(count: number, recordBytes = 0): Promise<string[]> {
      const values: string[] = [];
      for (let at = 0; at < count; at += 1) {
        const timestampMs = START_MS + at * 1000;
        await log.append([numberedBatch(`b${at}`, 3, recordBytes, { timestampMs })]);
        for (let record = 0; record < 3; record += 1) values.push(`b${at}-${record}`.padEnd(recordBytes, "."));
      }
      return values;
    }

    describe("a new partition", () => {
      test("is empty", async () => {
        expect(log).toMatchObject({ id: ID, logStartOffset: 0, logEndOffset: 0, highWatermark: 0, sizeBytes: 0 });
        expect(log.lastTimestampMs).toBeUndefined();
        expect(log.damage).toBeUndefined();
        const slice = await log.read(0, { maxBytes: 1000, upToOffset: 0 });
        expect(slice).toEqual({ pieces: [], sizeBytes: 0, firstOffset: 0, nextOffset: 0 });
        expect(await log.offsetForTimestamp(0)).toBe(0);
        expect(await log.enforceRetention(START_MS)).toBe(0);
      });

      test("opened twice is the same log", async () => {
        expect(await engine.open(ID, config)).toBe(log);
        const [one, other] = await Promise.all([
          engine.open({ topic: "x", partition: 0 }, config),
          engine.open({ topic: "x", partition: 0 }, config),
        ]);
        expect(one).toBe(other);
      });
    });

    describe("append", () => {
      test("gives dense offsets and acknowledges with the end of the log", async () => {
        expect(await log.append([batchOf(["a", "b"])])).toEqual({ baseOffset: 0, logEndOffset: 2 });
        expect(await log.append([batchOf(["c"]), batchOf(["d", "e"])])).toEqual({ baseOffset: 2, logEndOffset: 5 });
        expect(log).toMatchObject({ logEndOffset: 5, highWatermark: 5, lastTimestampMs: START_MS + 1 });
        const expected = ["a", "b", "c", "d", "e"].map((value, offset) => ({ offset, value }));
        expect(await readAll(log)).toEqual(expected);
      });

      test("of nothing changes nothing", async () => {
        await log.append([batchOf(["a"])]);
        expect(await log.append([])).toEqual({ baseOffset: 1, logEndOffset: 1 });
      });

      test("keeps the order of calls and answers each caller, however many at once", async () => {
        const results = await Promise.all(
          Array.from({ length: 300 }, (_, at) => log.append([numberedBatch(`c${at}`, 1 + (at % 4))])),
        );
        let offset = 0;
        for (const [at, result] of results.entries()) {
          expect(result.baseOffset).toBe(offset);
          offset += 1 + (at % 4);
          expect(result.logEndOffset).toBe(offset);
        }
        const stored = await readAll(log);
        expect(stored.map((record) => record.offset)).toEqual(Array.from({ length: offset }, (_, at) => at));
        expect(stored.filter((record) => record.value.endsWith("-0")).map((record) => record.value)).toEqual(
          results.map((_, at) => `c${at}-0`),
        );
      });

      test("refuses a batch above the segment size and goes on", async () => {
        const tooLarge = batchOf([new Uint8Array(config.segmentSizeBytes)]);
        await expect(log.append([batchOf(["x"]), tooLarge])).rejects.toMatchObject({
          code: "FLV_BATCH_TOO_LARGE",
          details: { sizeBytes: tooLarge.length, maxBytes: config.segmentSizeBytes },
        });
        expect(await log.append([batchOf(["a"])])).toEqual({ baseOffset: 0, logEndOffset: 1 });
        expect(await readAll(log)).toEqual([{ offset: 0, value: "a" }]);
      });

      test("refuses bytes that are not one whole batch", async () => {
        const batch = batchOf(["a"]);
        await expect(log.append([batch.subarray(0, batch.length - 1)])).rejects.toMatchObject({
          code: "FLV_BATCH_CORRUPT",
        });
        await expect(log.append([new Uint8Array(10)])).rejects.toMatchObject({ code: "FLV_BATCH_CORRUPT" });
        expect(log.logEndOffset).toBe(0);
      });

      test("tells listeners of every advance, until they stop", async () => {
        const seen: number[] = [];
        const stop = log.onAdvance(() => seen.push(log.logEndOffset));
        await log.append([batchOf(["a"])]);
        expect(seen.at(-1)).toBe(1);
        await log.append([batchOf(["b", "c"])]);
        expect(seen.at(-1)).toBe(3);
        stop();
        stop();
        const count = seen.length;
        await log.append([batchOf(["d"])]);
        expect(seen).toHaveLength(count);
      });
    });

    describe("read", () => {
      test("gives the batch that holds the offset, for every offset, fresh and reopened", async () => {
        const values = await fill(60, 40);
        for (const isReopened of [false, true]) {
          if (isReopened) await reopen();
          for (let offset = 0; offset < values.length; offset += 1) {
            const slice = await log.read(offset, { maxBytes: 1, upToOffset: log.logEndOffset });
            const first = offset - (offset % 3);
            expect(slice).toMatchObject({ firstOffset: first, nextOffset: first + 3 });
            expect(recordsOf(slice).map((record) => record.value)).toEqual(values.slice(first, first + 3));
          }
        }
      });

      test("cuts at whole batches below the maximum, with one batch at least", async () => {
        await fill(30, 20);
        const batchBytes = log.sizeBytes / 30;
        for (const isReopened of [false, true]) {
          if (isReopened) await reopen();
          for (const maxBytes of [1, batchBytes - 1, batchBytes, batchBytes * 2 + 1, batchBytes * 4]) {
            const slice = await log.read(0, { maxBytes, upToOffset: log.logEndOffset });
            const batches = Math.max(1, Math.floor(maxBytes / batchBytes));
            expect(slice.sizeBytes).toBeLessThanOrEqual(batches * batchBytes);
            expect(slice.sizeBytes).toBe(slice.pieces.reduce((sum, piece) => sum + piece.length, 0));
            expect(recordsOf(slice)).toHaveLength(slice.nextOffset);
            expect(await readAll(log, { maxBytes })).toHaveLength(90);
          }
        }
      });

      test("gives one batch far above the maximum as a whole", async () => {
        const large = "x".repeat(config.segmentSizeBytes - 200);
        await log.append([batchOf(["small"])]);
        await log.append([batchOf([large])]);
        for (const isReopened of [false, true]) {
          if (isReopened) await reopen();
          const slice = await log.read(1, { maxBytes: 16, upToOffset: 2 });
          expect(recordsOf(slice)).toEqual([{ offset: 1, value: large }]);
        }
      });

      test("stops before the batch that holds the limit", async () => {
        await fill(10);
        for (const isReopened of [false, true]) {
          if (isReopened) await reopen();
          for (let upToOffset = 0; upToOffset <= 30; upToOffset += 1) {
            const end = upToOffset - (upToOffset % 3);
            const records = await readAll(log, { upToOffset });
            expect(records.map((record) => record.offset)).toEqual(Array.from({ length: end }, (_, at) => at));
            expect(await log.read(upToOffset, { maxBytes: 1e6, upToOffset })).toMatchObject({
              sizeBytes: 0,
              nextOffset: upToOffset,
            });
          }
        }
      });

      test("at the end waits for nothing and gives nothing", async () => {
        await fill(2);
        expect(await log.read(6, { maxBytes: 100, upToOffset: 6 })).toMatchObject({ firstOffset: 6, nextOffset: 6 });
        expect(await log.read(6, { maxBytes: 100, upToOffset: 1000 })).toMatchObject({ sizeBytes: 0, nextOffset: 6 });
      });

      test("above the end is refused, with the range that exists", async () => {
        await fill(2);
        await expect(log.read(7, { maxBytes: 100, upToOffset: 100 })).rejects.toMatchObject({
          code: "FLV_OFFSET_OUT_OF_RANGE",
          details: { offset: 7, logEndOffset: 6 },
        });
      });

      test("while others append sees whole batches in order", async () => {
        let writing = true;
        const writer = (async () => {
          for (let at = 0; at < 200; at += 1) await log.append([numberedBatch(`w${at}`, 2, 50)]);
          writing = false;
        })();
        const seen: number[] = [];
        while (writing || seen.length < log.highWatermark) {
          for (const record of await readAll(log, { fromOffset: seen.length, upToOffset: log.highWatermark })) {
            seen.push(record.offset);
          }
          await new Promise((resolve) => setImmediate(resolve));
        }
        await writer;
        expect(seen).toEqual(Array.from({ length: 400 }, (_, at) => at));
      });
    });

    describe("timestamps", () => {
      test("lead to the first batch that reaches them", async () => {
        await fill(40, 30);
        for (const isReopened of [false, true]) {
          if (isReopened) await reopen();
          expect(log.lastTimestampMs).toBe(START_MS + 39_000 + 2);
          expect(await log.offsetForTimestamp(0)).toBe(0);
          for (let at = 0; at < 40; at += 1) {
            expect(await log.offsetForTimestamp(START_MS + at * 1000)).toBe(at * 3);
            expect(await log.offsetForTimestamp(START_MS + at * 1000 + 2)).toBe(at * 3);
            expect(await log.offsetForTimestamp(START_MS + at * 1000 + 3)).toBe(at * 3 + 3);
          }
        }
      });

      test("that go back do not hide later records", async () => {
        await log.append([batchOf(["late"], { timestampMs: START_MS + 500 })]);
        await log.append([batchOf(["early"], { timestampMs: START_MS })]);
        await log.append([batchOf(["latest"], { timestampMs: START_MS + 900 })]);
        expect(await log.offsetForTimestamp(START_MS + 1)).toBe(0);
        expect(await log.offsetForTimestamp(START_MS + 501)).toBe(2);
        expect(log.lastTimestampMs).toBe(START_MS + 900);
      });
    });

    describe("retention", () => {
      test("by time deletes what is old, and reading it names the next offset", async () => {
        await fill(40, 100);
        log.reconfigure({ ...config, retentionMs: HOUR_MS });
        expect(await log.enforceRetention(START_MS + HOUR_MS)).toBe(0);
        const before = log.sizeBytes;
        const freed = await log.enforceRetention(START_MS + 40_000 + HOUR_MS);
        expect(freed).toBeGreaterThan(0);
        expect(log.sizeBytes).toBe(before - freed);
        expect(log.logEndOffset).toBe(120);
        const { logStartOffset } = log;
        expect(logStartOffset).toBeGreaterThan(0);
        await expect(log.read(0, { maxBytes: 100, upToOffset: 120 })).rejects.toMatchObject({
          code: "FLV_OFFSET_EVICTED",
          details: { offset: 0, nextAvailable: logStartOffset },
        });
        expect(await readAll(log)).toHaveLength(120 - logStartOffset);
      });

      test("undefined keeps records for ever", async () => {
        await fill(40, 100);
        expect(await log.enforceRetention(START_MS + 1e6 * HOUR_MS)).toBe(0);
        expect(log.logStartOffset).toBe(0);
      });

      test("of everything leaves an empty log that goes on at its offset, also reopened", async () => {
        await fill(5);
        log.reconfigure({ ...config, retentionMs: 1 });
        await log.enforceRetention(START_MS + HOUR_MS);
        expect(log).toMatchObject({ logStartOffset: 15, logEndOffset: 15, sizeBytes: 0 });
        await reopen();
        expect(log).toMatchObject({ logStartOffset: 15, logEndOffset: 15 });
        expect(await log.append([batchOf(["next"])])).toEqual({ baseOffset: 15, logEndOffset: 16 });
        expect(await readAll(log)).toEqual([{ offset: 15, value: "next" }]);
      });

      test("by size deletes the oldest and keeps the newest", async () => {
        const segments = 6;
        await fill(Math.ceil((segments * config.segmentSizeBytes) / (3 * 1000)), 1000);
        const maxPartitionSizeBytes = 2.5 * config.segmentSizeBytes;
        const end = log.logEndOffset;
        expect(log.sizeBytes).toBeGreaterThan(maxPartitionSizeBytes);
        log.reconfigure({ ...config, maxPartitionSizeBytes });
        expect(await log.enforceRetention(START_MS)).toBeGreaterThan(0);
        expect(log.sizeBytes).toBeLessThanOrEqual(maxPartitionSizeBytes);
        expect(log.logStartOffset).toBeGreaterThan(0);
        expect(log.logEndOffset).toBe(end);
        const records = await readAll(log);
        expect(records.map((record) => record.offset)).toEqual(
          Array.from({ length: end - log.logStartOffset }, (_, at) => log.logStartOffset + at),
        );
      });
    });

    describe("settings", () => {
      test.each(["os", { everyMs: 5 }, "always"] as const)("flush %j acknowledges and keeps records", async (flush) => {
        log.reconfigure({ ...config, flush });
        const values = await fill(5);
        await log.flush();
        expect(log.highWatermark).toBe(15);
        log.reconfigure({ ...config, flush: "always" });
        await log.append([batchOf(["more"])]);
        expect(log.highWatermark).toBe(16);
        await reopen();
        expect((await readAll(log)).map((record) => record.value)).toEqual([...values, "more"]);
      });

      test("a new segment size holds for the next append", async () => {
        await fill(2);
        const large = batchOf([new Uint8Array(config.segmentSizeBytes)]);
        log.reconfigure({ ...config, segmentSizeBytes: config.segmentSizeBytes * 2 });
        expect(await log.append([large])).toEqual({ baseOffset: 6, logEndOffset: 7 });
        expect(await readAll(log)).toHaveLength(7);
      });
    });

    describe("engine", () => {
      test("keeps everything when it is closed and opened again", async () => {
        const values = await fill(100, 30);
        const { sizeBytes, lastTimestampMs } = log;
        for (let round = 0; round < 3; round += 1) {
          await reopen();
          expect(log).toMatchObject({ sizeBytes, lastTimestampMs, logEndOffset: 300, highWatermark: 300 });
          expect(log.damage).toBeUndefined();
        }
        expect((await readAll(log)).map((record) => record.value)).toEqual(values);
        expect(await log.append([batchOf(["z"])])).toMatchObject({ baseOffset: 300 });
      });

      test("finishes appends that are under way when it is closed", async () => {
        const appends = Array.from({ length: 50 }, (_, at) => log.append([batchOf([`v${at}`])]));
        await engine[Symbol.asyncDispose]();
        const results = await Promise.all(appends);
        expect(results.at(-1)).toEqual({ baseOffset: 49, logEndOffset: 50 });
        await expect(log.append([batchOf(["late"])])).rejects.toMatchObject({ code: "FLV_STORAGE" });
        await expect(engine.open(ID, config)).rejects.toMatchObject({ code: "FLV_STORAGE" });
        engine = await place.open();
        log = await engine.open(ID, config);
        expect(await readAll(log)).toHaveLength(50);
      });

      test("lists partitions, also of topics with hyphens and many partitions", async () => {
        const ids = [
          ID,
          { topic: "a", partition: 0 },
          { topic: "a-1", partition: 2 },
          { topic: "a-1-2", partition: 12 },
        ];
        for (const id of ids) await engine.open(id, config);
        const byName = (a: PartitionId, b: PartitionId) =>
          `${a.topic}/${a.partition}`.localeCompare(`${b.topic}/${b.partition}`);
        expect([...(await engine.list())].sort(byName)).toEqual([...ids].sort(byName));
        await reopen();
        expect(await engine.list()).toHaveLength(4);
      });

      test("removes a partition with its data and can make it anew", async () => {
        await fill(5);
        await engine.remove(ID);
        expect(await engine.list()).toEqual([]);
        await expect(log.append([batchOf(["late"])])).rejects.toMatchObject({ code: "FLV_STORAGE" });
        log = await engine.open(ID, config);
        expect(log).toMatchObject({ logEndOffset: 0, sizeBytes: 0 });
        await engine.remove({ topic: "never-was", partition: 0 });
      });

      test("keeps partitions apart", async () => {
        const other = await engine.open({ topic: ID.topic, partition: ID.partition + 1 }, config);
        await Promise.all([log.append([batchOf(["here"])]), other.append([batchOf(["there", "too"])])]);
        expect(await readAll(log)).toEqual([{ offset: 0, value: "here" }]);
        expect(await readAll(other)).toHaveLength(2);
        await engine.remove(other.id);
        expect(await readAll(log)).toHaveLength(1);
      });
    });
  });
}
