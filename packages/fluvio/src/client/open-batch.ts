import {
  BatchBuilder,
  type BatchCompression,
  decodeRecords,
  encodeRecords,
  flvError,
  type SectionRecord,
} from "../protocol/index.ts";
import type { RecordError, SmartChain } from "../smartengine/index.ts";
import { BatchOutcome } from "./produce-output.ts";
import type { StoredBatch } from "./types.ts";

/** A batch ready to be sent. `bytes` is absent when a SmartModule left no record. */
export interface SealedBatch {
  readonly outcome: BatchOutcome;
  readonly bytes: Uint8Array | undefined;
  /** Whether the n-th record that was sent is the n-th of the batch. */
  readonly keepsPlaces: boolean;
  /** What it holds. */
  readonly content: StoredBatch;
}

export interface OpenBatch {
  readonly outcome: BatchOutcome;
  readonly count: number;
  readonly sizeBytes: number;
  /** False when the record does not fit any more. The first always does. */
  append(key: Uint8Array | undefined, value: Uint8Array, timestampMs: number): boolean;
  /** @throws FLV_COMPRESSION */
  seal(compression: BatchCompression): SealedBatch | Promise<SealedBatch>;
}

/** Records go straight into the bytes that will be sent. */
export class PlainBatch implements OpenBatch {
  readonly outcome: BatchOutcome;
  readonly #builder: BatchBuilder;
  readonly #onSeal: (sizeBytes: number) => void;

  /** @param onSeal told the size before compression */
  constructor(partition: number, builder: BatchBuilder, onSeal: (sizeBytes: number) => void) {
    this.outcome = new BatchOutcome(partition);
    this.#builder = builder;
    this.#onSeal = onSeal;
  }

  get count(): number {
    return this.#builder.count;
  }
  get sizeBytes(): number {
    return this.#builder.sizeBytes;
  }
  append(key: Uint8Array | undefined, value: Uint8Array, timestampMs: number): boolean {
    return this.#builder.append(key, value, timestampMs);
  }
  seal(compression: BatchCompression): SealedBatch {
    this.#onSeal(this.#builder.sizeBytes);
    const content = { records: this.#builder.count, sizeBytes: this.#builder.recordsSizeBytes };
    return { outcome: this.outcome, bytes: this.#builder.build(compression), keepsPlaces: true, content };
  }
}

/** Records are gathered for a SmartModule chain, and a batch is made of what it gives. */
export class ChainedBatch implements OpenBatch {
  readonly outcome: BatchOutcome;
  readonly #chain: SmartChain;
  readonly #sizeBytesMax: number;
  readonly #onRefused: (error: Error) => void;
  readonly #records: SectionRecord[] = [];
  #firstTimestampMs = 0;
  #sizeBytes = 0;

  /** @param onRefused told each error on a single record; the others of the batch go on */
  constructor(partition: number, chain: SmartChain, sizeBytesMax: number, onRefused: (error: Error) => void) {
    this.outcome = new BatchOutcome(partition);
    this.#chain = chain;
    this.#sizeBytesMax = sizeBytesMax;
    this.#onRefused = onRefused;
  }

  get count(): number {
    return this.#records.length;
  }
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  append(key: Uint8Array | undefined, value: Uint8Array, timestampMs: number): boolean {
    const offsetDelta = this.#records.length;
    if (offsetDelta === 0) this.#firstTimestampMs = timestampMs;
    const timestampDelta = timestampMs - this.#firstTimestampMs;
    const sizeBytes = this.#sizeBytes + value.length + (key?.length ?? 0);
    if (offsetDelta > 0 && (sizeBytes > this.#sizeBytesMax || timestampDelta !== (timestampDelta | 0))) return false;
    this.#sizeBytes = sizeBytes;
    // the caller may change its bytes after the call
    this.#records.push({ timestampDelta, offsetDelta, key: key?.slice(), value: value.slice() });
    return true;
  }

  async seal(compression: BatchCompression): Promise<SealedBatch> {
    const sent = encodeRecords(this.#records);
    const { records, skipped } = await this.#chain.processRecords(sent, this.#firstTimestampMs, { skipsErrors: true });
    if (skipped.length > 0) this.#refuse(skipped);
    const produced = decodeRecords(records);
    if (produced.length === 0) {
      const content = { records: 0, sizeBytes: 0 };
      return { outcome: this.outcome, bytes: undefined, keepsPlaces: false, content };
    }
    const builder = new BatchBuilder();
    for (const { key, value, timestampDelta } of produced) {
      if (!builder.append(key, value, this.#firstTimestampMs + timestampDelta)) {
        throw flvError("FLV_BATCH_TOO_LARGE", `the SmartModule made a batch of more than ${builder.sizeBytes} bytes`, {
          hint: "lower batchSizeBytes, so that fewer records are given to it at once",
        });
      }
    }
    const keepsPlaces = produced.length === this.#records.length;
    const content = { records: produced.length, sizeBytes: builder.recordsSizeBytes };
    return { outcome: this.outcome, bytes: builder.build(compression), keepsPlaces, content };
  }

  /** The chain was given the batch as offsets 0, 1, 2, …: places in the batch. */
  #refuse(skipped: readonly RecordError[]): void {
    const errors = new Map<number, Error>();
    for (const one of skipped) if (!errors.has(one.offset)) errors.set(one.offset, runtimeError(one));
    this.outcome.refuse(errors);
    for (const error of errors.values()) this.#onRefused(error);
  }
}

function runtimeError(error: RecordError): Error {
  const { module, kind, hint, offset, key, value } = error;
  return flvError("FLV_SMARTMODULE_RUNTIME", `SmartModule ${module} failed: ${hint}`, {
    details: { module, kind, offset, key, value },
    hint: "correct the record or the module, and send again",
  });
}
