import { receiveMessageOnPort, workerData } from "node:worker_threads";
import { isFluvioError } from "../../protocol/index.ts";
import {
  CLOCK,
  type ErrorMessage,
  type ProcessedMessage,
  type ProcessMessage,
  type WorkerData,
  type WorkerReply,
  type WorkerRequest,
  type WorkerResults,
} from "../messages.ts";
import { BatchWriter } from "./batch-writer.ts";
import { ChainRunner } from "./chain-runner.ts";
import { probeModule } from "./probe.ts";
import { historySection, rebatch } from "./rebatch.ts";
import type { GuestStream } from "./wasi.ts";

/** Outputs up to this size are copied. */
const COPIED_BYTES_MAX = 16 * 1024;

/** The thread's side of the engine: runs one chain at a time, one request at a time. */
class ChainThread {
  private readonly clock: BigInt64Array;
  private readonly reply: (reply: WorkerReply, transfer?: readonly ArrayBuffer[]) => void;
  private readonly writer = new BatchWriter();
  private chain: ChainRunner | undefined;

  constructor(clock: BigInt64Array, reply: (reply: WorkerReply, transfer?: readonly ArrayBuffer[]) => void) {
    this.clock = clock;
    this.reply = reply;
  }

  handle(request: ProcessMessage | WorkerRequest): void {
    try {
      this.locate(-1, -1);
      if (isProcess(request)) {
        const result = this.process(request);
        const [buffer, , , , , spare] = result;
        this.reply(result, spare === undefined ? [buffer] : [buffer, spare]);
        return;
      }
      const value = this.perform(request);
      this.reply({ type: "result", value }, transferable(value));
    } catch (error) {
      this.reply({ type: "error", error: errorMessage(error) });
    }
  }

  private perform(request: WorkerRequest): WorkerResults[keyof WorkerResults] {
    switch (request.op) {
      case "probe":
        return this.timed(() => probeModule(request.name, request.module, request.limits));
      case "build":
        this.chain = this.build(request);
        return { takesHistory: this.chain.takesHistory };
      case "records":
        return this.running().runRecords(request.records, request.baseTimestampMs, request.skipsErrors);
      case "lookBack": {
        const section = historySection(request.batches, request.fromOffset, request.notBeforeMs);
        this.running().lookBack(request.index, section);
        return undefined;
      }
      case "state":
        return this.running().state;
      case "restore":
        this.running().restore(request.state, request.carriedOver);
        return undefined;
      case "drop": {
        const droppedBytes = this.chain?.memoryBytes ?? 0;
        this.chain = undefined;
        return { droppedBytes };
      }
    }
  }

  /**
   * Buffers are not made for each call, they change sides: the output goes to the host in the writer's buffer, and the
   * writer goes on in that of the input. A few survivors are copied, so that who holds them does not hold room for all.
   */
  private process([
    input,
    sizeBytes,
    fromOffset,
    maxOutputBytes,
    passesOn,
    keepsGaps,
  ]: ProcessMessage): ProcessedMessage {
    const given = { batches: new Uint8Array(input, 0, sizeBytes), fromOffset, maxOutputBytes, passesOn, keepsGaps };
    const { batches, recordCount, nextOffset, error } = rebatch(given, this.running(), this.writer);
    if (batches.length <= COPIED_BYTES_MAX) {
      return [batches.slice().buffer as ArrayBuffer, batches.length, recordCount, nextOffset, error, input];
    }
    if (batches.buffer !== input) this.writer.continueIn(input);
    return [batches.buffer as ArrayBuffer, batches.length, recordCount, nextOffset, error, undefined];
  }

  private build(request: Extract<WorkerRequest, { op: "build" }>): ChainRunner {
    return new ChainRunner(request.steps, {
      enterGuest: (step) => this.enter(step),
      leaveGuest: () => this.leave(),
      locate: (firstOffset, lastOffset) => this.locate(firstOffset, lastOffset),
      onOutput: (module: string, stream: GuestStream, line: string) =>
        this.reply({ type: "output", module, stream, line }),
    });
  }

  private running(): ChainRunner {
    if (this.chain === undefined) throw new Error("no chain was built on this thread");
    return this.chain;
  }

  private timed<T>(run: () => T): T {
    this.enter(0);
    try {
      return run();
    } finally {
      this.leave();
    }
  }

  private enter(step: number): void {
    Atomics.store(this.clock, CLOCK.step, BigInt(step));
    Atomics.store(this.clock, CLOCK.enteredNs, process.hrtime.bigint());
  }

  private leave(): void {
    Atomics.store(this.clock, CLOCK.enteredNs, 0n);
  }

  private locate(firstOffset: number, lastOffset: number): void {
    Atomics.store(this.clock, CLOCK.firstOffset, BigInt(firstOffset));
    Atomics.store(this.clock, CLOCK.lastOffset, BigInt(lastOffset));
  }
}

function isProcess(request: ProcessMessage | WorkerRequest): request is ProcessMessage {
  return Array.isArray(request);
}

/** Results with bytes give their buffer away. */
function transferable(value: WorkerResults[keyof WorkerResults]): readonly ArrayBuffer[] {
  if (value !== undefined && "records" in value) return [value.records.buffer as ArrayBuffer];
  return [];
}

function errorMessage(error: unknown): ErrorMessage {
  if (isFluvioError(error)) {
    return { code: error.code, message: error.message, details: error.details, hint: error.hint };
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return {
    code: "FLV_SMARTMODULE_RUNTIME",
    message: `the SmartModule engine failed: ${text}`,
    details: {},
    hint: undefined,
  };
}

const { port, guestClock, requestCount } = workerData as WorkerData;
const thread = new ChainThread(guestClock, (reply, transfer = []) => port.postMessage(reply, transfer));
// nothing here needs the event loop, which is never come back to: the thread ends by being terminated
for (let count = 0; ; count = (count + 1) | 0) {
  // what wakes it may be the notification of the request before, which it had seen by the count alone
  while (Atomics.load(requestCount, 0) === count) Atomics.wait(requestCount, 0, count);
  thread.handle(receiveMessageOnPort(port)?.message);
}
