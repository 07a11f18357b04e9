import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { FlushMode, PartitionLog, PartitionLogConfig, StorageEngine } from "../index.ts";
import { batchOf, numberedBatch, readAll } from "../testing/batches.ts";
import { FaultyFileSystem, systemError } from "../testing/faulty-file-system.ts";
import { type LogPlace, makeLogPlace } from "../testing/log-place.ts";
import { type RecordingLogger, recordingLogger } from "../testing/recording-logger.ts";

const ID = { topic: "t", partition: 0 };
const CONFIG: PartitionLogConfig = {
  segmentSizeBytes: 100_000,
  maxPartitionSizeBytes: 1e9,
  retentionMs: undefined,
  flush: "always",
};

let place: LogPlace;
let fileSystem: FaultyFileSystem;
let logger: RecordingLogger;
let engine: StorageEngine;
let log: PartitionLog;

async function start(config = CONFIG): Promise<void> {
  engine = await place.open({ fileSystem, logger });
  log = await engine.open(ID, config);
}
async function restart(config = CONFIG): Promise<void> {
  await engine[Symbol.asyncDispose]();
  await start(config);
}
beforeEach(async () => {
  place = await makeLogPlace();
  fileSystem = new FaultyFileSystem();
  logger = recordingLogger();
  await start();
});
afterEach(async () => {
  fileSystem.rule = () => undefined;
  await engine[Symbol.asyncDispose]();
  expect(fileSystem.openFiles).toBe(0);
  await place.remove();
});

/** Fails calls of one kind on files with this ending, `count` times. */
function fail(call: string, ending: string, code: string, count = Number.POSITIVE_INFINITY): void {
  let left = count;
  fileSystem.rule = (made, path) => {
    if (made !== call || !path.endsWith(ending) || left === 0) return undefined;
    left -= 1;
    return systemError(code);
  };
}
const values = async () => (await readAll(log)).map((record) => record.value);

/** A small append is written on the spot, a large one in the background: both ways must hold. */
const SIZES = [
  ["small", 50],
  ["large", 30_000],
] as const;

describe.each(SIZES)("a full disk, %s appends", (_, recordBytes) => {
  test.each(["ENOSPC", "EDQUOT"])(
    "%s refuses them, keeps the log whole, and is over when there is space",
    async (code) => {
      await log.append([numberedBatch("a", 1, recordBytes)]);
      const before = log.sizeBytes;
      for (const partialWriteBytes of [0, 10, 40]) {
        fileSystem.partialWriteBytes = partialWriteBytes;
        fail("writev", ".log", code);
        await expect(log.append([numberedBatch("lost", 1, recordBytes)])).rejects.toMatchObject({
          code: "FLV_DISK_FULL",
          retriable: true,
          details: { topic: "t", partition: 0, systemCode: code },
        });
        expect(log).toMatchObject({ logEndOffset: 1, highWatermark: 1, sizeBytes: before });
        const file = await readFile(join(place.directory, "t-0", "00000000000000000000.log"));
        expect(file.subarray(before).every((byte) => byte === 0)).toBe(true);
        expect(await readAll(log)).toHaveLength(1);
      }
      fileSystem.rule = () => undefined;
      expect(await log.append([numberedBatch("b", 1, recordBytes)])).toEqual({ baseOffset: 1, logEndOffset: 2 });
      await restart();
      expect((await values()).map((value) => value.replace(/\.+$/, ""))).toEqual(["a-0", "b-0"]);
      expect(log.damage).toBeUndefined();
    },
  );

  test("that leaves bytes which cannot be cut off at once: they are before the next write", async () => {
    await log.append([numberedBatch("a", 1, recordBytes)]);
    fileSystem.partialWriteBytes = 45;
    fileSystem.rule = (call) => (call === "writev" || call === "truncate" ? systemError("ENOSPC") : undefined);
    await expect(log.append([numberedBatch("lost", 2, recordBytes)])).rejects.toMatchObject({ code: "FLV_DISK_FULL" });
    fileSystem.rule = () => undefined;
    expect(await log.append([batchOf(["b"])])).toEqual({ baseOffset: 1, logEndOffset: 2 });
    await restart();
    expect((await values()).at(-1)).toBe("b");
    expect(log).toMatchObject({ logEndOffset: 2, damage: undefined });
  });

  test("fails each of many concurrent appends or acknowledges it, never both", async () => {
    let writes = 0;
    fileSystem.rule = (call) => {
      if (call !== "writev") return undefined;
      writes += 1;
      return writes % 2 === 0 ? systemError("ENOSPC") : undefined;
    };
    fileSystem.partialWriteBytes = 33;
    const acknowledged: { offset: number; value: string }[] = [];
    const producer = async (name: string) => {
      for (let at = 0; at < 20; at += 1) {
        const value = `${name}-${at}`.padEnd(recordBytes, ".");
        try {
          const { baseOffset } = await log.append([batchOf([value])]);
          acknowledged.push({ offset: baseOffset, value });
        } catch (error) {
          expect(error).toMatchObject({ code: "FLV_DISK_FULL" });
        }
      }
    };
    await Promise.all(["p", "q", "r"].map(producer));
    fileSystem.rule = () => undefined;
    await restart();
    expect(acknowledged.length).toBeGreaterThan(0);
    expect(acknowledged.length).toBeLessThan(60);
    expect(await readAll(log)).toEqual(acknowledged.sort((a, b) => a.offset - b.offset));
  });
});

test("a failing disk refuses appends with its own code", async () => {
  fail("writev", ".log", "EIO", 1);
  await expect(log.append([batchOf(["a"])])).rejects.toMatchObject({
    code: "FLV_STORAGE",
    retriable: false,
    details: { systemCode: "EIO" },
    cause: { code: "EIO" },
  });
  expect(await log.append([batchOf(["b"])])).toEqual({ baseOffset: 0, logEndOffset: 1 });
});

describe.each(SIZES)("a failed sync, %s appends", (_, recordBytes) => {
  test("fails those who wait for it, cuts off what is uncertain and goes on in a new file", async () => {
    await log.append([numberedBatch("a", 2, recordBytes)]);
    fail("datasync", ".log", "EIO", 1);
    await expect(log.append([numberedBatch("lost", 1, recordBytes)])).rejects.toMatchObject({
      code: "FLV_STORAGE",
      cause: { code: "EIO" },
    });
    expect(log).toMatchObject({ logEndOffset: 2, highWatermark: 2 });
    expect(await readAll(log)).toHaveLength(2);
    expect(await log.append([batchOf(["b"])])).toEqual({ baseOffset: 2, logEndOffset: 3 });
    await restart();
    expect((await values()).map((value) => value.replace(/\.+$/, ""))).toEqual(["a-0", "a-1", "b"]);
    expect(log.damage).toBeUndefined();
  });

  test("that fails again stops the log until it is opened again; reading goes on", async () => {
    await log.append([numberedBatch("a", 2, recordBytes)]);
    fail("datasync", ".log", "EIO");
    const appends = ["x", "y", "z"].map((name) => log.append([numberedBatch(name, 1, recordBytes)]));
    for (const append of appends) await expect(append).rejects.toMatchObject({ code: "FLV_STORAGE" });
    await expect(log.append([batchOf(["more"])])).rejects.toMatchObject({
      code: "FLV_STORAGE",
      cause: { code: "EIO" },
    });
    await expect(log.flush()).rejects.toMatchObject({ code: "FLV_STORAGE" });
    expect(await readAll(log)).toHaveLength(2);
    fileSystem.rule = () => undefined;
    await expect(engine[Symbol.asyncDispose]()).rejects.toMatchObject({ code: "FLV_STORAGE" });
    await start();
    expect(log).toMatchObject({ logEndOffset: 2, damage: undefined });
    expect(await log.append([batchOf(["b"])])).toEqual({ baseOffset: 2, logEndOffset: 3 });
  });

  test("never acknowledges what it lost, with many appends in flight", async () => {
    let syncs = 0;
    fileSystem.rule = (call) => {
      if (call !== "datasync") return undefined;
      syncs += 1;
      return syncs % 5 === 3 ? systemError("EIO") : undefined;
    };
    const acknowledged: { offset: number; value: string }[] = [];
    const producer = async (name: string) => {
      for (let at = 0; at < 15; at += 1) {
        const value = `${name}-${at}`.padEnd(recordBytes, ".");
        try {
          const { baseOffset } = await log.append([batchOf([value])]);
          acknowledged.push({ offset: baseOffset, value });
        } catch (error) {
          expect(error).toMatchObject({ code: "FLV_STORAGE" });
        }
      }
    };
    await Promise.all(["p", "q", "r"].map(producer));
    fileSystem.rule = () => undefined;
    await restart();
    expect(acknowledged.length).toBeGreaterThan(0);
    expect(acknowledged.length).toBeLessThan(45);
    expect(await readAll(log)).toEqual(acknowledged.sort((a, b) => a.offset - b.offset));
  });
});

test.each<FlushMode>(["os", { everyMs: 1 }])(
  "a failed sync with flush %j is told to who asks for it, and keeps what was acknowledged",
  async (flush) => {
    await restart({ ...CONFIG, flush });
    await log.append([batchOf(["a"])]);
    fail("datasync", ".log", "EIO", 1);
    if (flush === "os") await expect(log.flush()).rejects.toMatchObject({ code: "FLV_STORAGE" });
    else await expect.poll(() => logger.lines.some((line) => line.level === "error")).toBe(true);
    expect(await log.append([batchOf(["b"])])).toEqual({ baseOffset: 1, logEndOffset: 2 });
    await restart();
    expect(await values()).toEqual(["a", "b"]);
  },
);

describe("beginning a new segment", () => {
  const SMALL = { ...CONFIG, segmentSizeBytes: 1000 };
  beforeEach(() => restart(SMALL));

  test("that fails refuses the append and leaves nothing behind; the next one succeeds", async () => {
    await log.append([batchOf(["a".repeat(900)])]);
    for (const call of ["open", "syncDirectory"]) {
      fileSystem.rule = (made) => (made === call ? systemError("ENOSPC") : undefined);
      await expect(log.append([batchOf(["lost".repeat(50)])])).rejects.toMatchObject({ code: "FLV_DISK_FULL" });
      fileSystem.rule = () => undefined;
    }
    expect(await log.append([batchOf(["b".repeat(200)])])).toEqual({ baseOffset: 1, logEndOffset: 2 });
    await restart(SMALL);
    expect(log.damage).toBeUndefined();
    expect(await values()).toEqual(["a".repeat(900), "b".repeat(200)]);
  });

  test("succeeds when only the index of the full one cannot be saved", async () => {
    fail("writeFile", ".index.tmp", "ENOSPC");
    for (let at = 0; at < 5; at += 1) await log.append([batchOf([`${at}`.repeat(900)])]);
    expect(logger.lines.some((line) => line.level === "warn")).toBe(true);
    fileSystem.rule = () => undefined;
    await restart(SMALL);
    expect(log.damage).toBeUndefined();
    expect(await values()).toHaveLength(5);
  });

  test("waits for the sync of the full one", async () => {
    const calls: string[] = [];
    fileSystem.rule = (call, path) => {
      if (call === "datasync" || (call === "open" && path.endsWith("1.log"))) calls.push(call);
      return undefined;
    };
    await Promise.all([log.append([batchOf(["a".repeat(900)])]), log.append([batchOf(["b".repeat(900)])])]);
    expect(calls.slice(0, 2)).toEqual(["datasync", "open"]);
    expect(log.highWatermark).toBe(2);
  });
});

test("a disk that cannot be read fails the read, not the partition", async () => {
  await engine[Symbol.asyncDispose]();
  engine = await place.open({ fileSystem, logger, recentBytesMax: 0 });
  log = await engine.open(ID, CONFIG);
  await log.append([batchOf(["a"])]);
  fail("read", ".log", "EIO", 1);
  await expect(log.read(0, { maxBytes: 100, upToOffset: 1 })).rejects.toMatchObject({
    code: "FLV_STORAGE",
    details: { offset: 0 },
    cause: { code: "EIO" },
  });
  expect(await values()).toEqual(["a"]);
  expect(log.damage).toBeUndefined();
});

test("a partition that cannot be opened says why, and can be opened later", async () => {
  fail("makeDirectory", "other-0", "EACCES");
  const other = { topic: "other", partition: 0 };
  await expect(engine.open(other, CONFIG)).rejects.toMatchObject({ code: "FLV_STORAGE", cause: { code: "EACCES" } });
  fileSystem.rule = () => undefined;
  expect((await engine.open(other, CONFIG)).logEndOffset).toBe(0);
});

test("a segment that cannot be renamed stays readable and is deleted later", async () => {
  await restart({ ...CONFIG, segmentSizeBytes: 1000 });
  for (let at = 0; at < 4; at += 1) await log.append([batchOf([`${at}`.repeat(900)])]);
  log.reconfigure({ ...CONFIG, segmentSizeBytes: 1000, maxPartitionSizeBytes: 2500 });
  fail("rename", ".log", "EIO", 1);
  await expect(log.enforceRetention(0)).rejects.toMatchObject({ code: "FLV_STORAGE", cause: { code: "EIO" } });
  expect(log.logStartOffset).toBe(0);
  expect(await values()).toHaveLength(4);
  expect(await log.enforceRetention(0)).toBeGreaterThan(0);
  expect(log.logStartOffset).toBe(2);
});
