import { copyFile, mkdir, readdir, readFile, rename, rm, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { PartitionLog, PartitionLogConfig, StorageEngine } from "../index.ts";
import { batchOf, numberedBatch, readAll } from "../testing/batches.ts";
import { type LogPlace, makeLogPlace } from "../testing/log-place.ts";
import { type RecordingLogger, recordingLogger } from "../testing/recording-logger.ts";

const ID = { topic: "t", partition: 0 };
const CONFIG: PartitionLogConfig = {
  segmentSizeBytes: 4096,
  maxPartitionSizeBytes: 1e9,
  retentionMs: undefined,
  flush: "always",
};

let place: LogPlace;
let logger: RecordingLogger;
let engine: StorageEngine | undefined;
let partition: string;

beforeEach(async () => {
  place = await makeLogPlace();
  partition = join(place.directory, "t-0");
  logger = recordingLogger();
});
afterEach(async () => {
  await engine?.[Symbol.asyncDispose]();
  engine = undefined;
  await place.remove();
});

async function open(config = CONFIG): Promise<PartitionLog> {
  await engine?.[Symbol.asyncDispose]();
  engine = await place.open({ logger, recentBytesMax: 0 });
  return engine.open(ID, config);
}
async function close(): Promise<void> {
  await engine?.[Symbol.asyncDispose]();
  engine = undefined;
}
/** What a kill leaves: no index and no checkpoint of the segment that was active. */
async function forgetCleanStop(): Promise<void> {
  const logs = await logFiles();
  await rm(join(partition, logs.at(-1)!.replace("log", "index")), { force: true });
  await rm(join(partition, "checkpoint"), { force: true });
}
async function logFiles(): Promise<string[]> {
  return (await readdir(partition)).filter((name) => name.endsWith(".log")).sort();
}
function pathOf(name: string): string {
  return join(partition, name);
}
/** Appends `count` batches of two records and gives the values. */
async function fill(log: PartitionLog, count: number, recordBytes = 100): Promise<string[]> {
  const values: string[] = [];
  const from = log.logEndOffset;
  for (let at = 0; at < count; at += 1) {
    await log.append([numberedBatch(`r${from}-${at}`, 2, recordBytes)]);
    for (const n of [0, 1]) values.push(`r${from}-${at}-${n}`.padEnd(recordBytes, "."));
  }
  return values;
}
async function flipByte(path: string, position: number): Promise<void> {
  const bytes = await readFile(path);
  bytes[position]! ^= 0x55;
  await writeFile(path, bytes);
}

describe("a torn end", () => {
  test("is cut off at every length of the last batch, and nothing else is", async () => {
    const log = await open();
    const values = await fill(log, 3);
    const whole = log.sizeBytes;
    await log.append([numberedBatch("torn", 3, 20)]);
    const tornBytes = log.sizeBytes - whole;
    await close();
    await forgetCleanStop();
    const original = await readFile(pathOf("00000000000000000000.log"));
    for (let length = 0; length < tornBytes; length += 1) {
      await rm(partition, { recursive: true });
      await mkdir(partition);
      await writeFile(pathOf("00000000000000000000.log"), original.subarray(0, whole + length));
      logger.lines.length = 0;
      const recovered = await open();
      expect(recovered).toMatchObject({ logEndOffset: 6, highWatermark: 6, sizeBytes: whole, damage: undefined });
      const warned = logger.lines.filter((line) => line.level === "warn");
      // The first bytes are those of a small base offset: zeros, which may as well never have been written.
      const isZero = original.subarray(whole, whole + length).every((byte) => byte === 0);
      expect(warned).toHaveLength(isZero ? 0 : 1);
      if (!isZero) expect(warned[0]!.details).toMatchObject({ fromOffset: 6, position: whole, cutBytes: length });
      expect(await recovered.append([batchOf(["new"])])).toEqual({ baseOffset: 6, logEndOffset: 7 });
      expect((await readAll(recovered)).map((record) => record.value)).toEqual([...values, "new"]);
      await close();
    }
  });

  test.each(["header", "body"])("with a wrong byte in the %s of the last batch is cut off", async (where) => {
    const log = await open();
    const values = await fill(log, 3);
    const whole = log.sizeBytes;
    await log.append([numberedBatch("torn", 3, 20)]);
    await close();
    await forgetCleanStop();
    await flipByte(pathOf("00000000000000000000.log"), whole + (where === "header" ? 9 : 70));
    const recovered = await open();
    expect(recovered).toMatchObject({ logEndOffset: 6, damage: undefined });
    expect((await readAll(recovered)).map((record) => record.value)).toEqual(values);
  });

  test("of zeros, as a file extended ahead of its writer has, is trimmed without a warning", async () => {
    const log = await open();
    const values = await fill(log, 3);
    const { sizeBytes } = log;
    await close();
    await forgetCleanStop();
    await truncate(pathOf("00000000000000000000.log"), 1024 * 1024);
    const recovered = await open();
    expect(recovered).toMatchObject({ logEndOffset: 6, sizeBytes, damage: undefined });
    expect((await readAll(recovered)).map((record) => record.value)).toEqual(values);
    expect(logger.lines.filter((line) => line.level !== "info")).toEqual([]);
    await close();
    expect((await stat(pathOf("00000000000000000000.log"))).size).toBe(sizeBytes);
  });

  test("of zeros in a segment that is not the last is trimmed, as a kill while rolling leaves it", async () => {
    const log = await open();
    await fill(log, 30);
    const { sizeBytes } = log;
    await close();
    const [first] = await logFiles();
    await rm(pathOf(first!.replace("log", "index")));
    await truncate(pathOf(first!), 1024 * 1024);
    const recovered = await open();
    expect(recovered).toMatchObject({ logEndOffset: 60, sizeBytes, damage: undefined });
    expect(await readAll(recovered)).toHaveLength(60);
  });

  test("that was known to be synced is damage: kept, reported, and its offsets are not used again", async () => {
    const log = await open();
    const values = await fill(log, 3);
    await close();
    const path = pathOf("00000000000000000000.log");
    const { size } = await stat(path);
    await rm(pathOf("00000000000000000000.index"));
    await flipByte(path, size - 5);
    for (let round = 0; round < 2; round += 1) {
      const recovered = await open();
      expect(recovered.damage).toContain("offsets 4 to 5");
      expect(recovered).toMatchObject({ logStartOffset: 0, logEndOffset: 6 + round, highWatermark: 6 + round });
      await expect(recovered.read(4, { maxBytes: 1000, upToOffset: 6 })).rejects.toMatchObject({
        code: "FLV_BATCH_CORRUPT",
        details: { offset: 4, fromOffset: 4, toOffset: 6, nextIntact: 6 },
      });
      expect((await readAll(recovered, { upToOffset: 4 })).map((record) => record.value)).toEqual(values.slice(0, 4));
      await recovered.append([batchOf([`new-${round}`])]);
      expect(await readAll(recovered, { fromOffset: 6 + round })).toEqual([
        { offset: 6 + round, value: `new-${round}` },
      ]);
    }
    expect((await stat(path)).size).toBe(size);
  });

  test("missing although it was synced is reported, and its offsets are not used again", async () => {
    const log = await open();
    await fill(log, 3);
    await close();
    const path = pathOf("00000000000000000000.log");
    await truncate(path, (await stat(path)).size - 300);
    const recovered = await open();
    expect(recovered.damage).toContain("offsets 2 to 5");
    expect(await recovered.append([batchOf(["new"])])).toEqual({ baseOffset: 6, logEndOffset: 7 });
    await expect(recovered.read(3, { maxBytes: 1000, upToOffset: 7 })).rejects.toMatchObject({
      code: "FLV_BATCH_CORRUPT",
    });
  });
});

describe("damage before the end", () => {
  // Batches 0 to 9 of two records in one segment; batch 4 holds offsets 8 and 9.
  const places = [
    ["base offset", 3],
    ["length", 9],
    ["length, made huge", 8],
    ["magic", 16],
    ["crc", 18],
    ["offset delta", 26],
    ["records", 100],
  ] as const;
  for (const [what, byteAt] of places) {
    test.each(["started again", "still running"])(`in the ${what} of a batch is served around: %s`, async (when) => {
      const config = { ...CONFIG, segmentSizeBytes: 100_000 };
      let log = await open(config);
      const values = await fill(log, 10);
      const batchBytes = log.sizeBytes / 10;
      if (when === "started again") {
        await close();
        await forgetCleanStop();
      }
      await flipByte(pathOf("00000000000000000000.log"), batchBytes * 4 + byteAt);
      if (when === "started again") log = await open(config);
      expect((await readAll(log, { upToOffset: 8, maxBytes: 400 })).map((r) => r.value)).toEqual(values.slice(0, 8));
      const upToOffset = log.logEndOffset;
      const slice = await log.read(0, { maxBytes: 1e6, upToOffset });
      expect(slice.nextOffset).toBe(8);
      for (const offset of [8, 9]) {
        await expect(log.read(offset, { maxBytes: 1e6, upToOffset })).rejects.toMatchObject({
          code: "FLV_BATCH_CORRUPT",
          details: { offset, fromOffset: 8, toOffset: 10, nextIntact: 10 },
        });
      }
      expect((await readAll(log, { fromOffset: 10 })).map((record) => record.value)).toEqual(values.slice(10));
      expect(log.damage).toContain("offsets 8 to 9");
      expect(logger.lines.filter((line) => line.level === "error")).toHaveLength(1);
      expect(await log.append([batchOf(["more"])])).toEqual({ baseOffset: 20, logEndOffset: 21 });
      expect(await readAll(log, { fromOffset: 19 })).toHaveLength(2);

      log = await open(config);
      expect(log.damage).toContain("offsets 8 to 9");
      expect(log.logEndOffset).toBe(21);
      expect(await readAll(log, { fromOffset: 10 })).toHaveLength(11);
    });
  }

  test("in a middle segment with a sound index is found by the reader and remembered at the next start", async () => {
    let log = await open();
    const values = await fill(log, 60);
    await close();
    const names = await logFiles();
    const middle = names[2]!;
    await flipByte(pathOf(middle), 150);
    log = await open();
    expect(log.damage).toBeUndefined();
    const base = Number(middle.slice(0, 20));
    const end = log.logEndOffset;
    expect(await readAll(log, { upToOffset: base })).toHaveLength(base);
    await expect(log.read(base + 1, { maxBytes: 1e6, upToOffset: end })).rejects.toMatchObject({
      code: "FLV_BATCH_CORRUPT",
      details: { file: pathOf(middle), fromOffset: base, toOffset: base + 2 },
    });
    expect((await readAll(log, { fromOffset: base + 2 })).map((r) => r.value)).toEqual(values.slice(base + 2));
    log = await open();
    expect(log.damage).toContain(middle);
    expect(log.damage).toContain(`offsets ${base} to ${base + 1}`);
  });

  test("in the last batch of a middle segment ends where the next segment begins", async () => {
    let log = await open();
    await fill(log, 60);
    await close();
    const [first, second] = await logFiles();
    await flipByte(pathOf(first!), (await stat(pathOf(first!))).size - 3);
    const next = Number(second!.slice(0, 20));
    for (const withIndex of [true, false]) {
      if (!withIndex) {
        await close();
        await rm(pathOf(first!.replace("log", "index")), { force: true });
      }
      log = await open();
      await expect(log.read(next - 1, { maxBytes: 100, upToOffset: 120 })).rejects.toMatchObject({
        code: "FLV_BATCH_CORRUPT",
        details: { fromOffset: next - 2, toOffset: next },
      });
      expect(await readAll(log, { fromOffset: next })).toHaveLength(120 - next);
    }
  });

  test("by which a whole middle segment is gone or empty is reported, the rest is served", async () => {
    for (const how of ["gone", "empty"]) {
      let log = await open();
      await fill(log, 60);
      const end = log.logEndOffset;
      await close();
      const names = await logFiles();
      if (how === "gone") await rm(pathOf(names[1]!));
      else await truncate(pathOf(names[1]!), 0);
      const [from, to] = [names[1]!, names[2]!].map((name) => Number(name.slice(0, 20))) as [number, number];
      log = await open();
      expect(log.damage).toContain(`offsets ${from} to ${to - 1} are missing`);
      await expect(log.read(from, { maxBytes: 100, upToOffset: end })).rejects.toMatchObject({
        code: "FLV_BATCH_CORRUPT",
        details: { fromOffset: from, toOffset: to, nextIntact: to },
      });
      expect(await readAll(log, { upToOffset: from })).toHaveLength(from);
      expect(await readAll(log, { fromOffset: to })).toHaveLength(end - to);
      await close();
      await rm(partition, { recursive: true });
    }
  });

  test("with all segments gone: the offsets are not used again", async () => {
    let log = await open();
    await fill(log, 5);
    await close();
    for (const name of await logFiles()) await rm(pathOf(name));
    log = await open();
    expect(log.damage).toContain("missing");
    expect(log).toMatchObject({ logStartOffset: 10, logEndOffset: 10 });
  });

  test("does not spoil the search by time", async () => {
    const config = { ...CONFIG, segmentSizeBytes: 100_000 };
    let log = await open(config);
    for (let at = 0; at < 10; at += 1) await log.append([batchOf([`v${at}`], { timestampMs: 1000 + at })]);
    const batchBytes = log.sizeBytes / 10;
    await flipByte(pathOf("00000000000000000000.log"), batchBytes * 4 + 16);
    expect(await log.offsetForTimestamp(1007)).toBe(7);
    log = await open(config);
    expect(await log.offsetForTimestamp(1004)).toBe(5);
  });
});

describe("index files", () => {
  test.each(["missing", "empty", "cut short", "of another size of log", "with a wrong byte"])(
    "%s are rebuilt from the log",
    async (how) => {
      let log = await open();
      const values = await fill(log, 60);
      await close();
      for (const name of await logFiles()) {
        const path = pathOf(name.replace("log", "index"));
        const bytes = await readFile(path);
        if (how === "missing") await rm(path);
        else if (how === "empty") await truncate(path, 0);
        else if (how === "cut short") await truncate(path, bytes.length - 3);
        else if (how === "with a wrong byte") await flipByte(path, bytes.length - 2);
        else await copyFile(pathOf((await readdir(partition)).find((other) => other.endsWith(".index"))!), path);
      }
      log = await open();
      expect(log.damage).toBeUndefined();
      expect((await readAll(log, { maxBytes: 300 })).map((record) => record.value)).toEqual(values);
      expect(await log.append([batchOf(["x"])])).toEqual({ baseOffset: 120, logEndOffset: 121 });
    },
  );

  test("without a log are removed, as are temporary and half-deleted files", async () => {
    let log = await open();
    const values = await fill(log, 20);
    await close();
    const strays = ["00000000000000000999.index", "checkpoint.tmp", "00000000000000000000.index.tmp"];
    for (const name of strays) await writeFile(pathOf(name), "stray");
    const [first, second] = await logFiles();
    await rename(pathOf(first!), pathOf(`${first}.deleted`));
    log = await open();
    const start = Number(second!.slice(0, 20));
    expect(log).toMatchObject({ logStartOffset: start, logEndOffset: 40, damage: undefined });
    expect((await readAll(log)).map((record) => record.value)).toEqual(values.slice(start));
    const left = await readdir(partition);
    for (const name of [...strays, `${first}.deleted`, first!.replace("log", "index")])
      expect(left).not.toContain(name);
  });
});

describe("what a kill leaves behind", () => {
  test("an empty new segment is written next", async () => {
    let log = await open();
    await fill(log, 5);
    await close();
    await forgetCleanStop();
    await writeFile(pathOf("00000000000000000010.log"), "");
    log = await open();
    expect(log).toMatchObject({ logEndOffset: 10, damage: undefined });
    expect(await log.append([batchOf(["x"])])).toEqual({ baseOffset: 10, logEndOffset: 11 });
    expect(await readAll(log)).toHaveLength(11);
  });

  test("a partition that was being removed is gone", async () => {
    const log = await open();
    await fill(log, 5);
    await close();
    const doomed = join(place.directory, ".deleted.t-0.1.1");
    await rename(partition, doomed);
    engine = await place.open();
    expect(await engine.list()).toEqual([]);
    expect(await readdir(place.directory)).toEqual([".lock"]);
  });

  test("files that are not ours are left alone", async () => {
    let log = await open();
    await fill(log, 2);
    await close();
    await writeFile(pathOf("notes.txt"), "mine");
    await writeFile(join(place.directory, "README"), "mine");
    log = await open();
    expect(await readAll(log)).toHaveLength(4);
    expect(await engine!.list()).toEqual([ID]);
    expect(await readFile(pathOf("notes.txt"), "utf8")).toBe("mine");
  });
});
