import { expect, test } from "vitest";
import type { ConsumedChunk, ConsumerRecord } from "../../client/index.ts";
import type { GroupOptions } from "../define.ts";
import { RecordGroups } from "./record-groups.ts";

const record = (offset: number, value = "v", partition = 0): ConsumerRecord => ({
  topic: "t",
  partition,
  offset,
  timestampMs: 0,
  key: undefined,
  value: new TextEncoder().encode(value),
});

interface Source {
  readonly chunks: AsyncIterator<ConsumedChunk>;
  /** Chunks that were asked for. */
  asked: number;
}

const chunkOf = (records: readonly ConsumerRecord[], upToOffset?: number, partition = 0): ConsumedChunk => ({
  topic: "t",
  partition: records[0]?.partition ?? partition,
  records,
  upToOffset,
});

/** Gives the chunks, then the error or, without one, nothing more for ever. */
function source(chunks: readonly (readonly ConsumerRecord[] | ConsumedChunk)[], end?: Error | "end"): Source {
  const made: Source = {
    asked: 0,
    chunks: {
      next: () => {
        const chunk = chunks[made.asked++];
        if (chunk !== undefined) {
          return Promise.resolve({ done: false, value: "records" in chunk ? chunk : chunkOf(chunk) });
        }
        if (end === "end") return Promise.resolve({ done: true, value: undefined });
        return end === undefined ? new Promise(() => {}) : Promise.reject(end);
      },
    },
  };
  return made;
}

const groupsOf = ({ chunks }: Source, group: GroupOptions, stop = new AbortController().signal, mayReadAhead = true) =>
  new RecordGroups(chunks, { group, stop, mayReadAhead });

async function offsets(groups: RecordGroups): Promise<number[] | undefined> {
  return (await groups.next())?.records.map(({ offset }) => offset);
}

test("hold as many records as they may, over the chunks of the consumer", async () => {
  const from = source([[record(0), record(1), record(2)], [record(3)], [record(4)]], "end");
  const groups = groupsOf(from, { recordsMax: 2, lingerMs: 3_600_000 });
  expect(await offsets(groups)).toEqual([0, 1]);
  expect(await offsets(groups)).toEqual([2, 3]);
  expect(await offsets(groups)).toEqual([4]);
  expect(await groups.next()).toBeUndefined();
});

test("hold as many bytes as they may, and one record whatever its size", async () => {
  const groups = groupsOf(source([[record(0, "12345"), record(1, "12"), record(2, "34"), record(3, "5")]], "end"), {
    recordsMax: 10,
    sizeBytesMax: 4,
  });
  expect(await offsets(groups)).toEqual([0]);
  expect(await offsets(groups)).toEqual([1, 2]);
  expect(await offsets(groups)).toEqual([3]);
});

test("without linger take what is there; with it what comes in time", async () => {
  const chunks = [[record(0)], [record(1)]];
  const quick = groupsOf(source(chunks), { recordsMax: 9 });
  expect(await offsets(quick)).toEqual([0]);
  expect(await offsets(quick)).toEqual([1]);
  expect(await offsets(groupsOf(source(chunks), { recordsMax: 9, lingerMs: 1 }))).toEqual([0, 1]);
});

test("tell the last offset that is whole, for each partition", async () => {
  const chunk = [record(0), record(1), record(1), record(2)];
  const groups = groupsOf(source([chunk, [record(7, "v", 1)]]), { recordsMax: 2, lingerMs: 1 });
  // offset 1 goes on in the next group: an array_map made two of it
  expect((await groups.next())?.positions).toEqual([{ topic: "t", partition: 0, offset: 0 }]);
  expect((await groups.next())?.positions).toEqual([{ topic: "t", partition: 0, offset: 2 }]);
  expect((await groups.next())?.positions).toEqual([{ topic: "t", partition: 1, offset: 7 }]);
});

test("tell positions also of partitions that alternate", async () => {
  const chunks = [[record(0)], [record(5, "v", 1)], [record(1)], [record(6, "v", 1)]];
  expect((await groupsOf(source(chunks), { recordsMax: 4, lingerMs: 3_600_000 }).next())?.positions).toEqual([
    { topic: "t", partition: 0, offset: 1 },
    { topic: "t", partition: 1, offset: 6 },
  ]);
});

test("give what came before a failure, then the failure", async () => {
  const groups = groupsOf(source([[record(0)]], new Error("gone")), { recordsMax: 9, lingerMs: 3_600_000 });
  expect(await offsets(groups)).toEqual([0]);
  await expect(groups.next()).rejects.toThrow("gone");
});

test("end with the stop: one that has begun is given, and no other", async () => {
  const stop = new AbortController();
  const groups = groupsOf(source([[record(0)]]), { recordsMax: 9, lingerMs: 3_600_000 }, stop.signal);
  const begun = offsets(groups);
  setImmediate(() => stop.abort());
  expect(await begun).toEqual([0]);
  expect(await groups.next()).toBeUndefined();
});

test("are not read ahead when asking for more says that all is worked off", async () => {
  const from = source([[record(0), record(1)], [record(2)]]);
  const groups = groupsOf(from, { recordsMax: 2, lingerMs: 3_600_000 }, new AbortController().signal, false);
  expect(await offsets(groups)).toEqual([0, 1]);
  expect(from.asked).toBe(1);
  await groups.workedOff();
  expect(from.asked).toBe(2);
  expect(await offsets(groups)).toEqual([2]);
});

test("what follows is told before its turn, and given in its turn", async () => {
  const from = source([[record(0), record(1)], [record(2)]], "end");
  const groups = groupsOf(from, { recordsMax: 2 });
  expect(await offsets(groups)).toEqual([0, 1]);
  const told = await groups.following();
  expect(told.map(({ offset }) => offset)).toEqual([2]);
  expect(await groups.following()).toBe(told);
  expect((await groups.next())?.records).toBe(told);
  expect(await groups.following()).toEqual([]);
  expect(await groups.next()).toBeUndefined();
});

test("what follows is nothing when it failed, when the sink is to stop, and where nothing is read ahead", async () => {
  const failing = groupsOf(source([[record(0)]], new Error("gone")), { recordsMax: 1 });
  expect(await offsets(failing)).toEqual([0]);
  expect(await failing.following()).toEqual([]);
  await expect(failing.next()).rejects.toThrow("gone");

  const stop = new AbortController();
  const stopped = groupsOf(source([[record(0)], [record(1)]]), { recordsMax: 1 }, stop.signal);
  expect(await offsets(stopped)).toEqual([0]);
  expect(await stopped.following()).toHaveLength(1);
  stop.abort();
  expect(await stopped.following()).toEqual([]);
  expect(await stopped.next()).toBeUndefined();

  const from = source([[record(0)], [record(1)]]);
  const inStep = groupsOf(from, { recordsMax: 1 }, new AbortController().signal, false);
  expect(await offsets(inStep)).toEqual([0]);
  expect(await inStep.following()).toEqual([]);
  expect(from.asked).toBe(1);
});

test("positions lead behind what SmartModules dropped, once all records before are in the group", async () => {
  const chunks = [chunkOf([record(0), record(3)], 7), chunkOf([record(9, "v", 1)], 9), chunkOf([record(8)], 20)];
  const groups = groupsOf(source(chunks, "end"), { recordsMax: 3 });
  const first = await groups.next();
  expect(first?.positions).toEqual([{ topic: "t", partition: 0, offset: 7 }]);
  const partly = groupsOf(source(chunks.slice(0, 1), "end"), { recordsMax: 1 });
  expect((await partly.next())?.positions).toEqual([{ topic: "t", partition: 0, offset: 0 }]);
  expect((await partly.next())?.positions).toEqual([{ topic: "t", partition: 0, offset: 7 }]);
});

test("a chunk of which nothing is left is a group without records, or goes with those that follow", async () => {
  const chunks = [chunkOf([], 4), chunkOf([record(6)], 8), chunkOf([], 30, 1)];
  const alone = groupsOf(source(chunks, "end"), { recordsMax: 9 });
  expect(await alone.next()).toMatchObject({ records: [], positions: [{ topic: "t", partition: 0, offset: 4 }] });
  expect((await alone.next())?.positions).toEqual([{ topic: "t", partition: 0, offset: 8 }]);
  expect(await alone.next()).toMatchObject({ records: [], positions: [{ topic: "t", partition: 1, offset: 30 }] });
  expect(await alone.next()).toBeUndefined();
  const together = groupsOf(source(chunks, "end"), { recordsMax: 9, lingerMs: 3_600_000 });
  expect(await together.next()).toMatchObject({
    records: [{ offset: 6 }],
    positions: [
      { partition: 0, offset: 8 },
      { partition: 1, offset: 30 },
    ],
  });
});
