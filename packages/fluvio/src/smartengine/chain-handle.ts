import { flvError } from "../protocol/index.ts";
import type { ChainWorker } from "./chain-worker.ts";
import { BUFFER_KEPT_BYTES_MAX, roomFor } from "./messages.ts";
import type { ChainMeter } from "./totals.ts";
import type {
  ChainState,
  ChainStep,
  HistoryTaker,
  Lookback,
  ProcessInput,
  ProcessOutput,
  ProcessRecordsOptions,
  RecordError,
  RecordsOutput,
  ReplaceOptions,
  SmartChain,
} from "./types.ts";

/** The instances of a chain's steps on a thread of their own. */
export interface BuiltChain {
  readonly worker: ChainWorker;
  readonly meter: ChainMeter;
  /** For each step that takes history: its setting. */
  readonly lookbacks: readonly (Lookback | undefined)[];
}

/** What a chain needs of the engine that made it. */
export interface ChainOwner {
  /** Builds other steps on another thread. */
  build(steps: readonly ChainStep[], signal: AbortSignal | undefined): Promise<BuiltChain>;
  /** Takes instances and their thread back; with a reason it is ended at once. */
  retire(chain: BuiltChain, reason?: Error): Promise<void>;
}

/** A chain on its thread. Calls wait for each other; the first failure breaks the chain. */
export class ChainHandle implements SmartChain {
  private readonly owner: ChainOwner;
  private built: BuiltChain;
  private last: Promise<unknown> = Promise.resolve();
  private inFlight = 0;
  /** A buffer for the next input: making one takes longer than filling it. */
  private spare: ArrayBuffer | undefined;
  private failure: Error | undefined;
  private disposal: Promise<void> | undefined;

  constructor(owner: ChainOwner, built: BuiltChain) {
    this.owner = owner;
    this.built = built;
  }

  get lookbacks(): readonly (Lookback | undefined)[] {
    return this.built.lookbacks;
  }

  process(input: ProcessInput): Promise<ProcessOutput> {
    return this.inOrder(async ({ worker }) => {
      if (input.spent !== undefined) this.keep(input.spent.buffer as ArrayBuffer);
      const given = gathered(input.batches, (sizeBytes) => this.takeBuffer(sizeBytes));
      const { fromOffset, maxOutputBytes, passesOn = false, keepsGaps = false } = input;
      const [buffer, sizeBytes, recordCount, nextOffset, error, spare] = await worker.process([
        given.buffer,
        given.length,
        fromOffset,
        maxOutputBytes,
        passesOn,
        keepsGaps,
      ]);
      if (spare !== undefined) this.keep(spare);
      return withError({ batches: new Uint8Array(buffer, 0, sizeBytes), recordCount, nextOffset }, error);
    });
  }

  private takeBuffer(sizeBytes: number): ArrayBuffer {
    const { spare } = this;
    this.spare = undefined;
    // most of a buffer that is much too large would be carried along for nothing
    const fits = spare !== undefined && spare.byteLength >= sizeBytes && spare.byteLength <= roomFor(sizeBytes * 4);
    return fits ? spare : newBuffer(roomFor(sizeBytes));
  }

  /** Keeps the larger buffer for the next input. */
  private keep(buffer: ArrayBuffer): void {
    const { spare } = this;
    if (buffer.byteLength > BUFFER_KEPT_BYTES_MAX || buffer.byteLength <= (spare?.byteLength ?? 0)) return;
    this.spare = buffer;
  }

  processRecords(
    records: Uint8Array,
    baseTimestampMs: number,
    options: ProcessRecordsOptions = {},
  ): Promise<RecordsOutput> {
    const { skipsErrors = false } = options;
    return this.inOrder(async ({ worker }) => {
      const copy = gathered([records]);
      const request = { op: "records", records: copy, baseTimestampMs, skipsErrors } as const;
      const result = await worker.request(request, [copy.buffer]);
      return withError({ records: result.records, skipped: result.skipped }, result.error);
    });
  }

  lookBack(index: number, batches: readonly Uint8Array[], fromOffset: number, notBeforeMs?: number): Promise<void> {
    return this.inOrder(({ worker }) => feedHistory(worker, index, batches, fromOffset, notBeforeMs));
  }

  state(): Promise<ChainState> {
    return this.inOrder(({ worker }) => worker.request({ op: "state" }));
  }

  async replace(steps: readonly ChainStep[], options: ReplaceOptions = {}): Promise<void> {
    if (this.failure !== undefined) throw this.failure;
    const next = await this.owner.build(steps, options.signal);
    try {
      const old = await this.exclusively(() => this.switchTo(next, options));
      await this.owner.retire(old);
    } catch (error) {
      next.meter.countFailure(error);
      await this.owner.retire(next, error as Error);
      throw error;
    }
  }

  /** Hands over to new instances; gives the old ones. */
  private async switchTo(next: BuiltChain, options: ReplaceOptions): Promise<BuiltChain> {
    const { built: old } = this;
    const { worker, lookbacks } = next;
    const state = await old.worker.request({ op: "state" });
    if (state.size > 0) await worker.request({ op: "restore", state, carriedOver: true });
    if (lookbacks.some((lookback) => lookback !== undefined)) {
      if (options.feedHistory === undefined) {
        throw flvError("FLV_ARGUMENT", "a new SmartModule takes history, and nothing feeds it", {
          hint: "Give replace a feedHistory",
        });
      }
      await options.feedHistory({
        lookbacks,
        lookBack: (index, batches, fromOffset, notBeforeMs) =>
          feedHistory(worker, index, batches, fromOffset, notBeforeMs),
      });
    }
    options.signal?.throwIfAborted();
    if (this.failure !== undefined) throw this.failure;
    this.built = next;
    return old;
  }

  /** Calls in the order in which they came; a failure is one of the chain. */
  private inOrder<T>(call: (built: BuiltChain) => Promise<T>): Promise<T> {
    return this.exclusively(async () => {
      const { built } = this;
      try {
        return await call(built);
      } catch (error) {
        if (this.failure === undefined) built.meter.countFailure(error);
        this.failure ??= error as Error;
        throw error;
      }
    });
  }

  private exclusively<T>(call: () => Promise<T>): Promise<T> {
    this.inFlight += 1;
    const result = this.last
      .then(() => {
        if (this.failure !== undefined) throw this.failure;
        return call();
      })
      .finally(() => {
        this.inFlight -= 1;
      });
    // the next call waits for this one, whatever becomes of it; who called hears of a failure
    this.last = result.catch(() => {});
    return result;
  }

  /** Ends the chain. A call under way fails with FLV_ABORTED and takes the thread with it. */
  [Symbol.asyncDispose](): Promise<void> {
    this.disposal ??= this.dispose();
    return this.disposal;
  }

  private async dispose(): Promise<void> {
    this.failure ??= flvError("FLV_ABORTED", "the SmartModule chain was closed");
    await this.owner.retire(this.built, this.inFlight > 0 ? this.failure : undefined);
  }
}

async function feedHistory(worker: ChainWorker, ...args: Parameters<HistoryTaker["lookBack"]>): Promise<void> {
  const [index, batches, fromOffset, notBeforeMs] = args;
  const copy = gathered(batches);
  await worker.request({ op: "lookBack", index, batches: copy, fromOffset, notBeforeMs }, [copy.buffer]);
}

/** All pieces in one buffer: what is sent to a thread is given away, the pieces belong to others. */
function gathered(
  pieces: readonly Uint8Array[],
  bufferFor: (sizeBytes: number) => ArrayBuffer = newBuffer,
): Uint8Array<ArrayBuffer> {
  let size = 0;
  for (const piece of pieces) size += piece.length;
  const all = new Uint8Array(bufferFor(size), 0, size);
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}

/** A buffer that is not cleared, as all of it that counts is overwritten. */
function newBuffer(sizeBytes: number): ArrayBuffer {
  return Buffer.allocUnsafeSlow(sizeBytes).buffer as ArrayBuffer;
}

function withError<T extends object>(result: T, error: RecordError | undefined): T & { readonly error?: RecordError } {
  return error === undefined ? result : { ...result, error };
}
