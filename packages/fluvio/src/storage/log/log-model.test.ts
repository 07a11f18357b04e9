import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { PartitionLog, PartitionLogConfig, StorageEngine } from "../index.ts";
import { batchOf, readAll, recordsOf } from "../testing/batches.ts";
import { makeLogPlace } from "../testing/log-place.ts";

const ID = { topic: "model", partition: 0 };
const START_MS = 1_700_000_000_000;

/** What a log should hold: a list of batches, nothing more. */
interface ModelBatch {
  readonly baseOffset: number;
  readonly values: readonly string[];
  readonly timestampMs: number;
}

class Model {
  batches: ModelBatch[] = [];
  nextOffset = 0;

  append(values: readonly string[], timestampMs: number): void {
    this.batches.push({ baseOffset: this.nextOffset, values, timestampMs });
    this.nextOffset += values.length;
  }
  /** Retention deletes whole segments, so the log says how far; the model checks that it was allowed to. */
  dropBelow(offset: number): ModelBatch[] {
    const dropped = this.batches.filter((batch) => batch.baseOffset < offset);
    this.batches = this.batches.filter((batch) => batch.baseOffset >= offset);
    return dropped;
  }
  get startOffset(): number {
    return this.batches[0]?.baseOffset ?? this.nextOffset;
  }
  batchAt(offset: number): ModelBatch | undefined {
    return this.batches.find((batch) => offset < batch.baseOffset + batch.values.length);
  }
  records(): { offset: number; value: string }[] {
    return this.batches.flatMap(({ baseOffset, values }) =>
      values.map((value, at) => ({ offset: baseOffset + at, value })),
    );
  }
}

const batchSpec = fc.record({
  records: fc.integer({ min: 1, max: 5 }),
  recordBytes: fc.integer({ min: 1, max: 300 }),
  advanceMs: fc.integer({ min: 0, max: 1000 }),
});
const command = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("append" as const),
      calls: fc.array(fc.array(batchSpec, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 5 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("read" as const),
      at: fc.double({ min: 0, max: 1, noNaN: true }),
      limit: fc.double({ min: 0, max: 1, noNaN: true }),
      maxBytes: fc.integer({ min: 1, max: 5000 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("time" as const), backMs: fc.integer({ min: -10, max: 20_000 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("reopen" as const), loseIndexes: fc.boolean() }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("age" as const), retentionMs: fc.integer({ min: 1, max: 10_000 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("shrink" as const),
      maxPartitionSizeBytes: fc.integer({ min: 2048, max: 20_000 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("flush" as const),
      mode: fc.constantFrom("always" as const, "os" as const),
    }),
  },
);
type Command = typeof command extends fc.Arbitrary<infer T> ? T : never;

class Run {
  readonly model = new Model();
  nowMs = START_MS;
  config: PartitionLogConfig;
  engine!: StorageEngine;
  log!: PartitionLog;
  #names = 0;
  readonly #place: Awaited<ReturnType<typeof makeLogPlace>>;
  readonly #recentBytesMax: number;

  constructor(place: Awaited<ReturnType<typeof makeLogPlace>>, segmentSizeBytes: number, recentBytesMax: number) {
    this.#place = place;
    this.#recentBytesMax = recentBytesMax;
    this.config = { segmentSizeBytes, maxPartitionSizeBytes: 1e9, retentionMs: undefined, flush: "always" };
  }
  async open(): Promise<void> {
    this.engine = await this.#place.open({ recentBytesMax: this.#recentBytesMax, openSegmentsMax: 2 });
    this.log = await this.engine.open(ID, this.config);
  }
  async step(next: Command): Promise<void> {
    switch (next.kind) {
      case "append":
        return this.#append(next.calls);
      case "read":
        return this.#read(next);
      case "time":
        return this.#time(this.nowMs - next.backMs);
      case "reopen":
        await this.engine[Symbol.asyncDispose]();
        if (next.loseIndexes) await this.#loseIndexes();
        return this.open();
      case "age":
        return this.#retain({ retentionMs: next.retentionMs });
      case "shrink":
        return this.#retain({ maxPartitionSizeBytes: next.maxPartitionSizeBytes });
      case "flush":
        this.config = { ...this.config, flush: next.mode };
        this.log.reconfigure(this.config);
        return this.log.flush();
    }
  }
  async #append(calls: readonly (readonly { records: number; recordBytes: number; advanceMs: number }[])[]) {
    const results = calls.map((specs) => {
      const baseOffset = this.model.nextOffset;
      const batches = specs.map(({ records, recordBytes, advanceMs }) => {
        this.nowMs += advanceMs;
        const values = Array.from({ length: records }, () => {
          this.#names += 1;
          return `v${this.#names}`.padEnd(recordBytes, ".");
        });
        this.model.append(values, this.nowMs + records - 1);
        return batchOf(values, { timestampMs: this.nowMs });
      });
      const expected = { baseOffset, logEndOffset: this.model.nextOffset };
      return this.log.append(batches).then((result) => expect(result).toEqual(expected));
    });
    await Promise.all(results);
  }
  async #read(spec: { at: number; limit: number; maxBytes: number }): Promise<void> {
    const { startOffset, nextOffset } = this.model;
    const offset = startOffset + Math.floor(spec.at * (nextOffset - startOffset));
    const upToOffset = startOffset + Math.floor(spec.limit * (nextOffset - startOffset + 1));
    const slice = await this.log.read(offset, { maxBytes: spec.maxBytes, upToOffset });
    const first = this.model.batchAt(offset);
    if (!first || offset >= upToOffset || first.baseOffset + first.values.length > upToOffset) {
      expect(slice).toMatchObject({ sizeBytes: 0, firstOffset: offset, nextOffset: offset });
      return;
    }
    expect(slice.firstOffset).toBe(first.baseOffset);
    expect(slice.nextOffset).toBeLessThanOrEqual(upToOffset);
    const expected = this.model.records().filter((r) => r.offset >= first.baseOffset && r.offset < slice.nextOffset);
    expect(recordsOf(slice)).toEqual(expected);
    const isOneBatch = slice.nextOffset === first.baseOffset + first.values.length;
    expect(slice.sizeBytes <= spec.maxBytes || isOneBatch).toBe(true);
  }
  async #time(timestampMs: number): Promise<void> {
    const expected = this.model.batches.find((batch) => batch.timestampMs >= timestampMs);
    expect(await this.log.offsetForTimestamp(timestampMs)).toBe(expected?.baseOffset ?? this.model.nextOffset);
  }
  async #retain(limits: Partial<PartitionLogConfig>): Promise<void> {
    const { retentionMs, maxPartitionSizeBytes } = { ...this.config, ...limits };
    this.log.reconfigure({ ...this.config, ...limits });
    const before = this.log.sizeBytes;
    const freed = await this.log.enforceRetention(this.nowMs);
    this.log.reconfigure(this.config);
    expect(this.log.sizeBytes).toBe(before - freed);
    for (const batch of this.model.dropBelow(this.log.logStartOffset)) {
      const isOld = retentionMs !== undefined && this.nowMs - batch.timestampMs > retentionMs;
      expect(isOld || before > maxPartitionSizeBytes).toBe(true);
    }
    const newest = this.model.batches.at(-1);
    if (retentionMs !== undefined && newest === undefined) expect(this.log.sizeBytes).toBe(0);
  }
  async #loseIndexes(): Promise<void> {
    const partition = join(this.#place.directory, "model-0");
    for (const name of await readdir(partition)) {
      if (name.endsWith(".index") || name === "checkpoint") await rm(join(partition, name));
    }
  }
  async check(): Promise<void> {
    const { model, log } = this;
    expect(log).toMatchObject({ logEndOffset: model.nextOffset, highWatermark: model.nextOffset, damage: undefined });
    expect(log.logStartOffset).toBe(model.startOffset);
    expect(await readAll(log)).toEqual(model.records());
  }
}

test("any sequence of appends, reads, retention and restarts leaves what a plain list would hold", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(command, { minLength: 1, maxLength: 25 }),
      fc.integer({ min: 2048, max: 16_384 }),
      fc.constantFrom(0, 3000, 1_000_000),
      async (commands, segmentSizeBytes, recentBytesMax) => {
        const place = await makeLogPlace();
        const run = new Run(place, segmentSizeBytes, recentBytesMax);
        await run.open();
        try {
          for (const next of commands) await run.step(next);
          await run.check();
        } finally {
          await run.engine[Symbol.asyncDispose]();
          await place.remove();
        }
      },
    ),
    { numRuns: 60 },
  );
});
