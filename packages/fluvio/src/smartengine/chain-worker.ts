import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from "node:worker_threads";
import { FluvioError, flvError } from "../protocol/index.ts";
import { howToRaise } from "./limits.ts";
import {
  CLOCK,
  type ErrorMessage,
  type ProcessedMessage,
  type ProcessMessage,
  USAGE,
  type WorkerData,
  type WorkerReply,
  type WorkerRequest,
  type WorkerResults,
} from "./messages.ts";
import { stoppedModule } from "./totals.ts";

/** JavaScript heap of a worker; the guests' memories are outside of it. */
const HEAP_MB_MAX = 1024;
/** Longer timers fire at once. */
const TIMER_MS_MAX = 0x7fffffff;

export interface ChainWorkerOptions {
  readonly entry: URL;
  readonly onOutput: (module: string, stream: "stdout" | "stderr", line: string) => void;
}

interface WatchedModule {
  readonly name: string;
  /** Longest stay in its code without a break. */
  readonly batchTimeoutMs: number;
  /** By {@link USAGE}; none while a module is only looked at. */
  readonly usage: Float64Array | undefined;
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
  private readonly port: MessagePort;
  private readonly clock = new BigInt64Array(new SharedArrayBuffer(8 * CLOCK.length));
  private readonly requestCount = new Int32Array(new SharedArrayBuffer(4));
  private readonly options: ChainWorkerOptions;
  /** Modules of the thread's chain, by step. */
  private modules: readonly WatchedModule[] = [];
  private shortestTimeoutMs = 0;
  private pending: Pending | undefined;
  private watchdog: NodeJS.Timeout | undefined;
  private death: Error | undefined;
  private readonly exited: Promise<void>;

  constructor(options: ChainWorkerOptions) {
    this.options = options;
    const { port1, port2 } = new MessageChannel();
    const workerData: WorkerData = { port: port2, guestClock: this.clock, requestCount: this.requestCount };
    this.worker = new Worker(options.entry, {
      workerData,
      transferList: [port2],
      // nothing of the process reaches the guests' threads
      env: {},
      execArgv: [],
      name: "smartmodule",
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MB_MAX },
    });
    this.worker.unref();
    this.worker.on("error", (error) => this.die(this.located(crashed(error, this.current?.name))));
    this.exited = new Promise((resolve) => {
      this.worker.on("exit", () => {
        this.takeLeftReplies();
        this.die(crashed(new Error("it ended"), undefined));
        this.port.close();
        resolve();
      });
    });
    this.port = port1;
    this.port.on("message", (reply: WorkerReply) => this.onReply(reply));
    // a port that is listened to keeps the process
    this.port.unref();
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
    this.learn(request);
    return this.send(request, transfer);
  }

  /** As {@link ChainWorker.request}, for batches. */
  process(message: ProcessMessage): Promise<ProcessedMessage> {
    if (this.death !== undefined) return Promise.reject(this.death);
    return this.send(message, [message[0]]);
  }

  private send<Result>(message: ProcessMessage | WorkerRequest, transfer: readonly ArrayBuffer[]): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.pending = { resolve: resolve as (value: never) => void, reject };
      // while it works the process has to stay
      this.port.ref();
      this.watch(this.shortestTimeoutMs);
      this.port.postMessage(message, transfer);
      Atomics.add(this.requestCount, 0, 1);
      Atomics.notify(this.requestCount, 0);
    });
  }

  /** Ends the thread at once; a request under way fails with `reason`. */
  async terminate(reason: Error): Promise<void> {
    this.die(reason);
    await this.exited;
  }

  /** Looks at the thread after a while. A timer that outlives a request serves the next one: it is due before that is late. */
  private watch(delayMs: number): void {
    this.watchdog ??= setTimeout(() => {
      this.watchdog = undefined;
      if (this.pending !== undefined) this.check();
    }, delayMs).unref();
  }

  private learn(request: WorkerRequest): void {
    if (request.op === "build") {
      this.modules = request.steps.map(({ name, limits, usage }) => ({
        name,
        batchTimeoutMs: limits.batchTimeoutMs,
        usage,
      }));
    } else if (request.op === "probe") {
      this.modules = [{ name: request.name, batchTimeoutMs: request.limits.batchTimeoutMs, usage: undefined }];
    } else {
      return;
    }
    this.shortestTimeoutMs = Math.min(TIMER_MS_MAX, ...this.modules.map((module) => module.batchTimeoutMs));
    this.unwatch();
  }

  /** The module whose code runs or ran last. */
  private get current(): WatchedModule | undefined {
    return this.modules[Number(Atomics.load(this.clock, CLOCK.step))];
  }

  /** How long the code that runs now has been running. */
  private get insideMs(): number {
    const enteredNs = Atomics.load(this.clock, CLOCK.enteredNs);
    return enteredNs === 0n ? 0 : Number(process.hrtime.bigint() - enteredNs) / 1e6;
  }

  private check(): void {
    const { current, insideMs } = this;
    const timeoutMs = current?.batchTimeoutMs ?? this.shortestTimeoutMs;
    if (insideMs < timeoutMs) {
      this.watch(Math.min(TIMER_MS_MAX, Math.max(1, timeoutMs - insideMs)));
      return;
    }
    this.die(this.located(timedOut(current?.name ?? "", timeoutMs)));
  }

  /** What a thread that has ended said before. */
  private takeLeftReplies(): void {
    for (let left = receiveMessageOnPort(this.port); left !== undefined; left = receiveMessageOnPort(this.port)) {
      this.onReply(left.message as WorkerReply);
    }
  }

  private onReply(reply: WorkerReply): void {
    if ("type" in reply && reply.type === "output") {
      this.options.onOutput(reply.module, reply.stream, reply.line);
      return;
    }
    const { pending } = this;
    this.settled();
    if (!("type" in reply)) pending?.resolve(reply as never);
    else if (reply.type === "result") pending?.resolve(reply.value as never);
    else pending?.reject(this.located(revived(reply.error)));
  }

  /** Says which offsets a module was working on when it was stopped. */
  private located(error: FluvioError): FluvioError {
    const firstOffset = Number(Atomics.load(this.clock, CLOCK.firstOffset));
    if (firstOffset < 0 || stoppedModule(error) === undefined) return error;
    const lastOffset = Number(Atomics.load(this.clock, CLOCK.lastOffset));
    return new FluvioError(
      error.code,
      `${error.message} (working on the batch of offsets ${firstOffset} to ${lastOffset})`,
      {
        details: { ...error.details, firstOffset, lastOffset },
        ...(error.hint === undefined ? {} : { hint: error.hint }),
        ...(error.cause === undefined ? {} : { cause: error.cause }),
      },
    );
  }

  private die(reason: Error): void {
    if (this.death !== undefined) return;
    this.death = reason;
    const { pending, current } = this;
    // the thread does not come to counting it
    const usage = pending === undefined ? undefined : current?.usage;
    if (usage !== undefined) usage[USAGE.timeMs] = (usage[USAGE.timeMs] as number) + this.insideMs;
    this.settled();
    pending?.reject(reason);
    // "exit" tells when it is done
    this.unwatch();
    void this.worker.terminate();
  }

  private unwatch(): void {
    clearTimeout(this.watchdog);
    this.watchdog = undefined;
  }

  private settled(): void {
    this.pending = undefined;
    this.port.unref();
  }
}

function revived(error: ErrorMessage): FluvioError {
  return new FluvioError(error.code, error.message, {
    details: error.details,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  });
}

function timedOut(name: string, batchTimeoutMs: number): FluvioError {
  return flvError(
    "FLV_SMARTMODULE_TIME_LIMIT",
    `SmartModule "${name}" worked on one batch for more than ${batchTimeoutMs} ms and was stopped`,
    {
      details: { module: name, batchTimeoutMs },
      hint: `Look for a loop without end in the module, or raise the time limit: ${howToRaise("batchTimeoutMs")}`,
    },
  );
}

function crashed(cause: Error, name: string | undefined): FluvioError {
  const outOfMemory = (cause as NodeJS.ErrnoException).code === "ERR_WORKER_OUT_OF_MEMORY";
  return flvError(
    outOfMemory ? "FLV_SMARTMODULE_MEMORY_LIMIT" : "FLV_SMARTMODULE_RUNTIME",
    `the thread of a SmartModule chain ended: ${cause.message}`,
    { cause, details: name === undefined ? {} : { module: name } },
  );
}
