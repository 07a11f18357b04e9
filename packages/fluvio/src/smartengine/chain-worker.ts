import { Worker } from "node:worker_threads";
import { FluvioError, flvError } from "../protocol/index.ts";
import type { ErrorMessage, WorkerData, WorkerReply, WorkerRequest, WorkerResults } from "./messages.ts";

/** JavaScript heap of a worker; the guests' memories are outside of it. */
const HEAP_MB_MAX = 1024;

export interface ChainWorkerOptions {
  readonly entry: URL;
  /** Longest stay in guest code without a break. */
  readonly batchTimeoutMs: number;
  readonly onOutput: (module: string, stream: "stdout" | "stderr", line: string) => void;
}

interface Pending {
  readonly resolve: (value: never) => void;
  readonly reject: (error: Error) => void;
}

/**
 * One worker thread and its watchdog. Takes one request at a time. A thread that was terminated or crashed is dead:
 * requests fail with the reason.
 */
export class ChainWorker {
  private readonly worker: Worker;
  private readonly clock = new BigInt64Array(new SharedArrayBuffer(16));
  private readonly options: ChainWorkerOptions;
  /** Names of the modules of the request under way, for the error of the watchdog. */
  private moduleNames: readonly string[] = [];
  private pending: Pending | undefined;
  private watchdog: NodeJS.Timeout | undefined;
  private death: Error | undefined;
  private readonly exited: Promise<void>;

  constructor(options: ChainWorkerOptions) {
    this.options = options;
    const workerData: WorkerData = { guestClock: this.clock };
    this.worker = new Worker(options.entry, {
      workerData,
      // nothing of the process reaches the guests' threads
      env: {},
      execArgv: [],
      name: "smartmodule",
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MB_MAX },
    });
    this.worker.unref();
    this.worker.on("message", (reply: WorkerReply) => this.onReply(reply));
    this.worker.on("error", (error) => this.die(crashed(error)));
    this.exited = new Promise((resolve) => {
      this.worker.on("exit", () => {
        this.die(crashed(new Error("it ended")));
        resolve();
      });
    });
  }

  get alive(): boolean {
    return this.death === undefined;
  }

  /** Sends a request; `transfer` gives buffers away. Rejects with the error of the module, the limit or the thread. */
  request<Op extends WorkerRequest["op"]>(
    request: Extract<WorkerRequest, { op: Op }>,
    transfer: readonly ArrayBuffer[] = [],
  ): Promise<WorkerResults[Op]> {
    if (this.death !== undefined) return Promise.reject(this.death);
    this.moduleNames = namesOf(request) ?? this.moduleNames;
    return new Promise((resolve, reject) => {
      this.pending = { resolve: resolve as (value: never) => void, reject };
      // while it works the process has to stay
      this.worker.ref();
      this.watch(this.options.batchTimeoutMs);
      this.worker.postMessage(request, [...transfer]);
    });
  }

  /** Ends the thread at once; a request under way fails with `reason`. */
  async terminate(reason: Error): Promise<void> {
    this.die(reason);
    await this.exited;
  }

  private watch(delayMs: number): void {
    clearTimeout(this.watchdog);
    this.watchdog = setTimeout(() => this.check(), delayMs);
    this.watchdog.unref();
  }

  private check(): void {
    const enteredNs = Atomics.load(this.clock, 0);
    const { batchTimeoutMs } = this.options;
    const insideMs = enteredNs === 0n ? 0 : Number(process.hrtime.bigint() - enteredNs) / 1e6;
    if (insideMs < batchTimeoutMs) {
      this.watch(Math.max(1, batchTimeoutMs - insideMs));
      return;
    }
    this.die(timedOut(this.moduleNames[Number(Atomics.load(this.clock, 1))] ?? "", batchTimeoutMs));
  }

  private onReply(reply: WorkerReply): void {
    if (reply.type === "output") {
      this.options.onOutput(reply.module, reply.stream, reply.line);
      return;
    }
    const { pending } = this;
    this.settled();
    if (reply.type === "result") pending?.resolve(reply.value as never);
    else pending?.reject(revived(reply.error));
  }

  private die(reason: Error): void {
    if (this.death !== undefined) return;
    this.death = reason;
    const { pending } = this;
    this.settled();
    pending?.reject(reason);
    // "exit" tells when it is done
    void this.worker.terminate();
  }

  private settled(): void {
    this.pending = undefined;
    clearTimeout(this.watchdog);
    this.worker.unref();
  }
}

function namesOf(request: WorkerRequest): readonly string[] | undefined {
  if (request.op === "build") return request.steps.map((step) => step.name);
  return request.op === "probe" ? [request.name] : undefined;
}

function revived(error: ErrorMessage): FluvioError {
  return new FluvioError(error.code, error.message, {
    details: error.details,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  });
}

function timedOut(name: string, batchTimeoutMs: number): Error {
  return flvError(
    "FLV_SMARTMODULE_TIME_LIMIT",
    `SmartModule "${name}" worked on one batch for more than ${batchTimeoutMs} ms and was stopped`,
    {
      details: { module: name, batchTimeoutMs },
      hint: "Look for a loop without end in the module, or raise the time limit of the SmartModule engine",
    },
  );
}

function crashed(cause: Error): Error {
  const outOfMemory = (cause as NodeJS.ErrnoException).code === "ERR_WORKER_OUT_OF_MEMORY";
  return flvError(
    outOfMemory ? "FLV_SMARTMODULE_MEMORY_LIMIT" : "FLV_SMARTMODULE_RUNTIME",
    `the thread of a SmartModule chain ended: ${cause.message}`,
    { cause },
  );
}
