import { flvError } from "../protocol/index.ts";
import { ChainWorker, type ChainWorkerOptions } from "./chain-worker.ts";

export interface WorkerPoolOptions extends ChainWorkerOptions {
  /** Chains at the same time; each has a thread of its own. */
  readonly chainsMax: number;
  /** Idle threads kept for the next chain. */
  readonly idleMax: number;
}

/**
 * Threads for chains, one chain each: ending a thread is the only way to stop a guest, and everything else on it would
 * be lost with it. Threads that are still sound are used again.
 */
export class WorkerPool {
  private readonly options: WorkerPoolOptions;
  private readonly idle: ChainWorker[] = [];
  private readonly busy = new Set<ChainWorker>();
  private closed = false;

  constructor(options: WorkerPoolOptions) {
    this.options = options;
  }

  /** A thread for a chain. @throws FLV_SMARTMODULE_RUNTIME (retriable) when there are too many chains */
  takeForChain(): ChainWorker {
    if (this.busy.size >= this.options.chainsMax) throw this.full();
    return this.take();
  }

  /** A thread for a short piece of work, whatever the number of chains. */
  take(): ChainWorker {
    if (this.closed) throw closedError();
    let worker = this.idle.pop();
    while (worker !== undefined && !worker.alive) worker = this.idle.pop();
    worker ??= new ChainWorker(this.options);
    this.busy.add(worker);
    // starting a thread takes longer than all else: the next one to ask finds one that has started
    if (this.idle.length === 0 && this.options.idleMax > 0) this.idle.push(new ChainWorker(this.options));
    return worker;
  }

  /** Takes a thread back. Its chain must be dropped; a dead one is forgotten. */
  give(worker: ChainWorker): void {
    if (!this.busy.delete(worker) || !worker.alive) return;
    if (!this.closed && this.idle.length < this.options.idleMax) this.idle.push(worker);
    else void worker.terminate(closedError());
  }

  async close(): Promise<void> {
    this.closed = true;
    const workers = [...this.idle, ...this.busy];
    this.idle.length = 0;
    this.busy.clear();
    await Promise.all(workers.map((worker) => worker.terminate(closedError())));
  }

  private full(): Error {
    const { chainsMax } = this.options;
    return flvError("FLV_SMARTMODULE_RUNTIME", `${chainsMax} SmartModule chains are running, which is the limit`, {
      details: { chainsMax },
      retriable: true,
      hint: "End a stream that uses SmartModules, or raise the limit of SmartModule chains",
    });
  }
}

export function closedError(): Error {
  return flvError("FLV_ABORTED", "the SmartModule engine was closed");
}
