import { flvError } from "../protocol/index.ts";
import type { ChainWorker } from "./chain-worker.ts";
import type { Lookback, ModuleMetrics, ProcessInput, ProcessOutput, RecordError, SmartChain } from "./types.ts";
import type { WorkerPool } from "./worker-pool.ts";

/** Guest memory that an idle thread may hold on to: it collects garbage only when it works. */
const KEPT_MEMORY_BYTES_MAX = 32 << 20;

/** A chain on its thread. Calls wait for each other; the first failure breaks the chain. */
export class ChainHandle implements SmartChain {
  readonly lookbacks: readonly (Lookback | undefined)[];
  private readonly worker: ChainWorker;
  private readonly pool: WorkerPool;
  private last: Promise<unknown> = Promise.resolve();
  private inFlight = 0;
  private failure: Error | undefined;
  private disposal: Promise<void> | undefined;

  constructor(worker: ChainWorker, pool: WorkerPool, lookbacks: readonly (Lookback | undefined)[]) {
    this.worker = worker;
    this.pool = pool;
    this.lookbacks = lookbacks;
  }

  process(input: ProcessInput): Promise<ProcessOutput> {
    return this.inOrder(async () => {
      const batches = gathered(input.batches);
      const { fromOffset, maxOutputBytes } = input;
      const result = await this.worker.request({ op: "process", batches, fromOffset, maxOutputBytes }, [
        batches.buffer,
      ]);
      return withError(
        { batches: result.batches, recordCount: result.recordCount, nextOffset: result.nextOffset },
        result.error,
      );
    });
  }

  processRecords(
    records: Uint8Array,
    baseTimestampMs: number,
  ): Promise<{ readonly records: Uint8Array; readonly error?: RecordError }> {
    return this.inOrder(async () => {
      const copy = gathered([records]);
      const result = await this.worker.request({ op: "records", records: copy, baseTimestampMs }, [copy.buffer]);
      return withError({ records: result.records }, result.error);
    });
  }

  lookBack(index: number, batches: readonly Uint8Array[], fromOffset: number, notBeforeMs?: number): Promise<void> {
    return this.inOrder(async () => {
      const copy = gathered(batches);
      await this.worker.request({ op: "lookBack", index, batches: copy, fromOffset, notBeforeMs }, [copy.buffer]);
    });
  }

  accumulators(): Promise<ReadonlyMap<number, Uint8Array>> {
    return this.inOrder(() => this.worker.request({ op: "accumulators" }));
  }

  takeMetrics(): Promise<readonly ModuleMetrics[]> {
    return this.inOrder(() => this.worker.request({ op: "metrics" }));
  }

  private inOrder<T>(call: () => Promise<T>): Promise<T> {
    const run = async (): Promise<T> => {
      if (this.failure !== undefined) throw this.failure;
      try {
        return await call();
      } catch (error) {
        this.failure ??= error as Error;
        throw error;
      }
    };
    this.inFlight += 1;
    const result = this.last.then(run).finally(() => {
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
    const { worker, pool } = this;
    if (this.inFlight > 0 || !(await this.dropped())) await worker.terminate(this.failure);
    pool.give(worker);
  }

  /** Drops the instances; false when the thread is not worth keeping: dead, or holding much memory until it collects. */
  private async dropped(): Promise<boolean> {
    if (!this.worker.alive) return false;
    const result = await this.worker.request({ op: "drop" }).catch(() => undefined);
    return result !== undefined && result.droppedBytes <= KEPT_MEMORY_BYTES_MAX;
  }
}

/** One buffer of its own with all pieces: what is sent to a thread is given away, the pieces belong to others. */
function gathered(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  let size = 0;
  for (const piece of pieces) size += piece.length;
  const all = new Uint8Array(size);
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}

function withError<T extends object>(result: T, error: RecordError | undefined): T & { readonly error?: RecordError } {
  return error === undefined ? result : { ...result, error };
}
