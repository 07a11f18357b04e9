import {
  BATCH_BYTES_MAX,
  BatchBuilder,
  decodeBatch,
  flvError,
  isFluvioError,
  type Logger,
  splitBatches,
} from "../../protocol/index.ts";
import type { PartitionLog } from "../../storage/index.ts";
import type { Clock } from "../clock.ts";

/** Entries are written anew after this many changes, when these have grown larger than the entries. */
const CHANGES_PER_CHECKPOINT = 100;
/** With large entries they are written anew sooner: after this much, when it is {@link GROWTH_MAX} times the entries. */
const BYTES_PER_CHECKPOINT = 64 * 1024 * 1024;
const GROWTH_MAX = 4;
/** Changes that are written as one batch. */
const CHANGES_PER_BATCH_MAX = 4096;
const LOAD_READ_BYTES = 1024 * 1024;
/** Of a batch that is to hold all entries, what they may fill: a batch is stored whole or not at all. */
const CHECKPOINT_BYTES_MAX = BATCH_BYTES_MAX / 2;

/** A record of the log. */
export type KeyedChange<Entry, Key> =
  | { readonly type: "update"; readonly entry: Entry }
  | { readonly type: "delete"; readonly key: Key }
  /** Everything before it is superseded by the updates that follow. */
  | { readonly type: "checkpoint" };

/** How entries of one kind are told apart and written. */
export interface KeyedRecords<Entry, Key> {
  /** For the log's lines, such as `consumer offsets`. */
  readonly what: string;
  keyText(key: Key): string;
  encode(change: KeyedChange<Entry, Key>): Uint8Array;
  /** What it gives shares no memory with `record`. @throws FLV_DECODE */
  decode(record: Uint8Array): KeyedChange<Entry, Key>;
}

export interface KeyedLogOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Largest sum of all entries as they are written. Default: no limit. */
  readonly sizeBytesMax?: number;
}

interface Kept<Entry> {
  readonly entry: Entry;
  readonly sizeBytes: number;
}

interface Waiting<Entry, Key> {
  readonly change: Exclude<KeyedChange<Entry, Key>, { type: "checkpoint" }>;
  readonly key: string;
  readonly record: Uint8Array;
  /** Looks at the entry that the change takes the place of; a throw refuses the change. */
  readonly check: ((current: Entry | undefined) => void) | undefined;
  resolve(): void;
  reject(error: unknown): void;
}

/**
 * Entries by key, each about a partition, as the leader of their system topic keeps them: in memory, and durably in the
 * topic's log. Changes that come while others are written go out together as one batch. Every so often all entries are
 * written anew, so that retention may drop what is older.
 */
export class KeyedLog<Key extends { readonly topic: string }, Entry extends Key> {
  private readonly log: PartitionLog;
  private readonly records: KeyedRecords<Entry, Key>;
  private readonly options: KeyedLogOptions;
  private readonly kept = new Map<string, Kept<Entry>>();
  private keptBytes = 0;
  private readonly waiting: Waiting<Entry, Key>[] = [];
  private writing: Promise<void> | undefined;
  private checkpointWanted = false;
  private changesSinceCheckpoint = 0;
  private bytesSinceCheckpoint = 0;
  private oldestMs: number | undefined;

  private constructor(log: PartitionLog, records: KeyedRecords<Entry, Key>, options: KeyedLogOptions) {
    this.log = log;
    this.records = records;
    this.options = options;
  }

  /**
   * Replays the log. Where it is corrupt, it goes on behind: an entry that is lost or old makes its owner see records
   * again, no entries at all would stop every owner.
   * @throws FLV_DECODE | FLV_STORAGE
   */
  static async load<Key extends { readonly topic: string }, Entry extends Key>(
    log: PartitionLog,
    records: KeyedRecords<Entry, Key>,
    options: KeyedLogOptions,
  ): Promise<KeyedLog<Key, Entry>> {
    const store = new KeyedLog<Key, Entry>(log, records, options);
    const limit = { maxBytes: LOAD_READ_BYTES, upToOffset: log.logEndOffset };
    for (let at = log.logStartOffset; at < log.logEndOffset; ) {
      const slice = await log.read(at, limit).catch((error: unknown) => store.behindDamage(error, at));
      if (typeof slice === "number") {
        at = slice;
        continue;
      }
      if (slice.sizeBytes === 0) break;
      for (const piece of slice.pieces) store.replay(piece);
      at = slice.nextOffset;
    }
    return store;
  }

  get(key: Key): Entry | undefined {
    return this.kept.get(this.records.keyText(key))?.entry;
  }

  /** In no particular order. */
  *entries(): Generator<Entry> {
    for (const { entry } of this.kept.values()) yield entry;
  }

  /** No entry is in a record from before this time; `undefined` when there are none. */
  get writtenSinceMs(): number | undefined {
    return this.kept.size === 0 ? undefined : this.oldestMs;
  }

  /**
   * Resolves when the entry is durable.
   * @param check looks at the entry that it takes the place of; a throw refuses it
   * @throws FLV_STORAGE | FLV_DISK_FULL | what `check` throws
   */
  put(entry: Entry, check?: (current: Entry | undefined) => void): Promise<void> {
    return this.write({ type: "update", entry }, entry, check);
  }

  /** Resolves when it is durably gone, also if there was none. */
  delete(key: Key): Promise<void> {
    return this.write({ type: "delete", key }, key, undefined);
  }

  /** Drops every entry of a topic that is no more, also those that are being written. */
  async deleteTopic(topic: string): Promise<void> {
    const keys = new Map<string, Key>();
    for (const entry of this.entries()) if (entry.topic === topic) keys.set(this.records.keyText(entry), entry);
    for (const { change, key } of this.waiting) {
      if (change.type === "update" && change.entry.topic === topic) keys.set(key, change.entry);
    }
    await Promise.all([...keys.values()].map((key) => this.delete(key)));
  }

  /** Writes all entries anew. */
  async checkpoint(): Promise<void> {
    this.checkpointWanted = true;
    this.writing ??= this.writeWaiting();
    await this.writing;
  }

  private write(change: Waiting<Entry, Key>["change"], of: Key, check: Waiting<Entry, Key>["check"]): Promise<void> {
    const key = this.records.keyText(of);
    const record = this.records.encode(change);
    return new Promise((resolve, reject) => {
      this.waiting.push({ change, key, record, check, resolve, reject });
      this.writing ??= this.writeWaiting();
    });
  }

  /** The only writer, so that a checkpoint never leaves out a change that is on its way. */
  private async writeWaiting(): Promise<void> {
    // changes that are made in the same turn go out together
    await Promise.resolve();
    while (this.waiting.length > 0 || this.checkpointWanted) {
      if (this.checkpointWanted) await this.writeCheckpoint();
      else await this.writeGroup(this.waiting.slice(0, CHANGES_PER_BATCH_MAX));
    }
    this.writing = undefined;
  }

  private async writeGroup(group: readonly Waiting<Entry, Key>[]): Promise<void> {
    const accepted = this.accepted(group);
    try {
      if (accepted.length > 0) await this.append(accepted.map(({ record }) => record));
    } catch (error) {
      this.waiting.splice(0, group.length);
      for (const { reject } of accepted) reject(error);
      return;
    }
    this.waiting.splice(0, group.length);
    for (const { change, key, record } of accepted) {
      this.apply(change, key, record.length);
      this.bytesSinceCheckpoint += record.length;
    }
    for (const { resolve } of accepted) resolve();
    this.changesSinceCheckpoint += accepted.length;
    this.checkpointWanted ||= this.isCheckpointDue();
  }

  /** Those of the changes that nothing speaks against; the others are rejected. */
  private accepted(group: readonly Waiting<Entry, Key>[]): Waiting<Entry, Key>[] {
    const coming = new Map<string, Kept<Entry> | undefined>();
    let sizeBytes = this.keptBytes;
    return group.filter((waiting) => {
      const { change, key, record, check, reject } = waiting;
      const current = coming.has(key) ? coming.get(key) : this.kept.get(key);
      const grownBytes = (change.type === "update" ? record.length : 0) - (current?.sizeBytes ?? 0);
      try {
        check?.(current?.entry);
        this.checkSize(sizeBytes + grownBytes, grownBytes);
      } catch (error) {
        reject(error);
        return false;
      }
      sizeBytes += grownBytes;
      coming.set(key, change.type === "update" ? { entry: change.entry, sizeBytes: record.length } : undefined);
      return true;
    });
  }

  private checkSize(sizeBytes: number, grownBytes: number): void {
    const { sizeBytesMax } = this.options;
    if (sizeBytesMax === undefined || grownBytes <= 0 || sizeBytes <= sizeBytesMax) return;
    const { what } = this.records;
    throw flvError("FLV_STORAGE", `the ${what} of the cluster would take more than ${sizeBytesMax} bytes`, {
      details: { sizeBytes, sizeBytesMax },
    });
  }

  private isCheckpointDue(): boolean {
    if (this.changesSinceCheckpoint > CHANGES_PER_CHECKPOINT && this.bytesSinceCheckpoint >= this.keptBytes)
      return true;
    return this.bytesSinceCheckpoint > BYTES_PER_CHECKPOINT && this.bytesSinceCheckpoint > GROWTH_MAX * this.keptBytes;
  }

  private async writeCheckpoint(): Promise<void> {
    this.checkpointWanted = false;
    const updates: Uint8Array[] = [];
    for (const entry of this.entries()) updates.push(this.records.encode({ type: "update", entry }));
    // what a crash cuts short must not begin with the word that nothing before it counts
    const isWhole = this.keptBytes <= CHECKPOINT_BYTES_MAX;
    const mark = isWhole ? [this.records.encode({ type: "checkpoint" })] : [];
    try {
      const nowMs = this.options.clock.nowMs();
      await this.append([...mark, ...updates]);
      this.oldestMs = nowMs;
      this.changesSinceCheckpoint = 0;
      this.bytesSinceCheckpoint = 0;
    } catch (error) {
      this.options.logger.warn({ error: String(error) }, `a checkpoint of the ${this.records.what} was not written`);
    }
  }

  private async append(values: readonly Uint8Array[]): Promise<void> {
    if (values.length === 0) return;
    const builder = new BatchBuilder();
    const batches: Uint8Array[] = [];
    const nowMs = this.options.clock.nowMs();
    for (const value of values) {
      if (builder.append(undefined, value, nowMs)) continue;
      batches.push(builder.build());
      builder.append(undefined, value, nowMs);
    }
    batches.push(builder.build());
    await this.log.append(batches);
    this.oldestMs ??= nowMs;
  }

  private replay(batches: Uint8Array): void {
    for (const batch of splitBatches(batches).batches) {
      for (const { value, timestampMs } of decodeBatch(batch)) this.replayRecord(value, timestampMs);
    }
  }

  private replayRecord(record: Uint8Array, timestampMs: number): void {
    const change = this.records.decode(record);
    this.oldestMs ??= timestampMs;
    if (change.type === "checkpoint") {
      this.oldestMs = timestampMs;
      this.kept.clear();
      this.keptBytes = 0;
      this.changesSinceCheckpoint = 0;
      this.bytesSinceCheckpoint = 0;
      return;
    }
    this.changesSinceCheckpoint++;
    this.bytesSinceCheckpoint += record.length;
    this.apply(change, this.records.keyText(change.type === "update" ? change.entry : change.key), record.length);
  }

  private apply(change: Waiting<Entry, Key>["change"], key: string, sizeBytes: number): void {
    this.keptBytes -= this.kept.get(key)?.sizeBytes ?? 0;
    if (change.type === "delete") {
      this.kept.delete(key);
      return;
    }
    this.kept.set(key, { entry: change.entry, sizeBytes });
    this.keptBytes += sizeBytes;
  }

  /** Where to read on after corrupt records. @throws any other error */
  private behindDamage(error: unknown, at: number): number {
    const next = isFluvioError(error) && error.code === "FLV_BATCH_CORRUPT" ? error.details.nextIntact : undefined;
    if (typeof next !== "number" || next <= at) throw error;
    const { logger } = this.options;
    logger.error({ error: String(error), at, next }, `some ${this.records.what} are lost: their records are corrupt`);
    return next;
  }
}
