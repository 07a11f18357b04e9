/** Identifies a partition of a topic. */
export interface PartitionId {
  readonly topic: string;
  readonly partition: number;
}

/**
 * When an append is acknowledged.
 * - `always`: after fdatasync; everything in flight shares one sync. Power loss loses no acknowledged record.
 * - `{ everyMs }`: after the write; synced at that interval. kill -9 loses nothing.
 * - `os`: after the write; synced when the operating system does. kill -9 loses nothing.
 */
export type FlushMode = "always" | "os" | { readonly everyMs: number };

/** Settings of one partition's log; may change while it is open ({@link PartitionLog.reconfigure}). */
export interface PartitionLogConfig {
  readonly segmentSizeBytes: number;
  /** Oldest segments go when the partition would grow past this. */
  readonly maxPartitionSizeBytes: number;
  /** Segments whose newest record is older are deleted; `undefined` keeps them for ever. */
  readonly retentionMs: number | undefined;
  readonly flush: FlushMode;
}

export interface AppendResult {
  /** Offset given to the first record of the first batch. */
  readonly baseOffset: number;
  /** Log end offset after the append. */
  readonly logEndOffset: number;
}

/** What a read gives: whole batches only, as stored, in order. */
export interface LogSlice {
  /**
   * Batches back to back, possibly in several pieces; each piece holds whole batches. Views of shared buffers: never
   * change them, copy to keep.
   */
  readonly pieces: readonly Uint8Array[];
  readonly sizeBytes: number;
  /** Base offset of the first batch, which may be below the offset asked for; equals `nextOffset` when empty. */
  readonly firstOffset: number;
  /** Offset after the last batch: where to read on. */
  readonly nextOffset: number;
}

export interface ReadLimit {
  /** Pieces stop before this many bytes, but at least one whole batch is given when there is one. */
  readonly maxBytes: number;
  /** Batches that hold this offset or later ones are not given (high watermark or log end offset). */
  readonly upToOffset: number;
}

/** One partition's log. Offsets are dense; a batch's base offset is given by the log. */
export interface PartitionLog extends AsyncDisposable {
  readonly id: PartitionId;
  /** Oldest offset that can be read. */
  readonly logStartOffset: number;
  /** Offset the next record gets: the written end. */
  readonly logEndOffset: number;
  /** End of what survives: the synced end with `flush: always`, else the written end. */
  readonly highWatermark: number;
  readonly sizeBytes: number;
  /** Largest timestamp stored, ms since epoch; `undefined` when there is none. */
  readonly lastTimestampMs: number | undefined;
  /** Set when stored data was found corrupt: what is intact is still served. */
  readonly damage: string | undefined;

  /**
   * Appends whole, validated batches in order, as one write. Base offset and leader epoch of each batch are patched in
   * place, so the bytes belong to the log from the call on. Calls are ordered as they are made: `logEndOffset` of the
   * next call starts where this one ends.
   * @returns when acknowledged by the flush mode
   * @throws FLV_BATCH_TOO_LARGE | FLV_DISK_FULL (retriable) | FLV_STORAGE
   */
  append(batches: readonly Uint8Array[]): Promise<AppendResult>;

  /**
   * Reads from the batch that holds `offset`.
   * @throws FLV_OFFSET_EVICTED below `logStartOffset` (details.nextAvailable) | FLV_OFFSET_OUT_OF_RANGE above the log end | FLV_BATCH_CORRUPT
   */
  read(offset: number, limit: ReadLimit): Promise<LogSlice>;

  /** Base offset of the first batch whose newest record is at or after `timestampMs`; the log end offset if none. */
  offsetForTimestamp(timestampMs: number): Promise<number>;

  /** Calls `listener` after the log end offset or the high watermark moved. Returns the way to stop it. */
  onAdvance(listener: () => void): () => void;

  /** Applies changed settings; retention is enforced at the next {@link enforceRetention}. */
  reconfigure(config: PartitionLogConfig): void;
  /** Deletes segments that are too old or too much. `nowMs` is the current time. Returns the bytes freed. */
  enforceRetention(nowMs: number): Promise<number>;
  /** Forces everything written to disk. */
  flush(): Promise<void>;
}

/** Keeps partitions' logs. Embedded segments today; the same conformance suite runs against every engine. */
export interface StorageEngine extends AsyncDisposable {
  /** Opens a partition, creating it when absent; recovers after a crash. Opening twice gives the same log. */
  open(id: PartitionId, config: PartitionLogConfig): Promise<PartitionLog>;
  /** Closes a partition and deletes its data. */
  remove(id: PartitionId): Promise<void>;
  /** Partitions that have data, open or not. */
  list(): Promise<readonly PartitionId[]>;
}
