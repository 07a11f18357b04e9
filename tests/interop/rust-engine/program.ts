import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import type { ChainStep } from "../../../packages/fluvio/src/smartengine/index.ts";

const PROGRAM = fileURLToPath(new URL("bin/rust-engine", import.meta.url));
/** What modules print goes to the standard streams. */
const ANSWERS_FD = 3;
const SAID_CHARS_MAX = 2000;

/** Records of one batch, as a records section (i32 count + records). */
export interface RealBatch {
  readonly records: Uint8Array;
  readonly baseOffset: number;
  readonly baseTimestampMs: number;
}

export interface RealError {
  /** `Filter`, `ArrayMap`, …; `null` for init and look_back. */
  readonly kind: string | null;
  readonly hint: string;
  readonly offset: number | null;
  readonly key: Uint8Array | undefined;
  readonly value: Uint8Array | undefined;
}

export interface RealFailure {
  readonly stage: "build" | "lookBack" | "process";
  readonly text: string;
  readonly error: RealError | undefined;
}

export interface RealRun {
  /** One for each batch before the failure. */
  readonly outputs: readonly { readonly records: Uint8Array; readonly error: RealError | undefined }[];
  readonly failure: RealFailure | undefined;
}

export interface RealSpeed {
  readonly calls: number;
  readonly recordsOut: number;
  readonly seconds: number;
}

interface ErrorJson {
  readonly kind: string | null;
  readonly hint: string;
  readonly offset: number | null;
  readonly key: string | null;
  readonly value: string | null;
}
interface FailureJson {
  readonly stage: RealFailure["stage"];
  readonly text: string;
  readonly error: ErrorJson | null;
}
interface Answer {
  readonly run?: {
    readonly outputs: readonly { readonly records: string; readonly error: ErrorJson | null }[];
    readonly failure: FailureJson | null;
  };
  readonly speed?: RealSpeed;
  readonly failure?: FailureJson;
}

/** The engine of the original, in a process of its own (build.sh builds it). Takes one job at a time. */
export class RealEngine implements AsyncDisposable {
  private readonly child: ChildProcess;
  private readonly folder = mkdtempSync(join(tmpdir(), "fluvio-real-engine-"));
  private readonly ended: Promise<void>;
  private received = "";
  private waiting: { resolve(answer: Answer): void; reject(error: Error): void } | undefined;

  /** @throws when the program was not built */
  constructor() {
    if (!existsSync(PROGRAM)) throw new Error(`${PROGRAM} is missing: run tests/interop/rust-engine/build.sh`);
    this.child = spawn(PROGRAM, { stdio: ["pipe", "ignore", "pipe", "pipe"] });
    const answers = this.child.stdio[ANSWERS_FD] as Readable;
    answers.setEncoding("utf8").on("data", (text: string) => this.onText(text));
    let said = "";
    this.child.stderr?.on("data", (data) => {
      said = `${said}${data}`.slice(-SAID_CHARS_MAX);
    });
    this.ended = new Promise((resolve) => {
      this.child.once("close", (code, signal) => {
        this.waiting?.reject(new Error(`the real engine ended with ${signal ?? code}: ${said}`));
        resolve();
      });
    });
  }

  /** Builds the chain anew, feeds it history where there is some, then the batches in order. */
  async run(
    steps: readonly ChainStep[],
    batches: readonly RealBatch[],
    options: { readonly version?: number; readonly history?: Uint8Array } = {},
  ): Promise<RealRun> {
    const { version = 22, history } = options;
    const answer = await this.ask({
      run: {
        steps: steps.map((step) => this.stepJson(step)),
        version,
        history: history === undefined ? null : hex(history),
        batches: batches.map(batchJson),
      },
    });
    if (answer.run === undefined) throw new Error(`the real engine gave no run: ${JSON.stringify(answer)}`);
    return {
      outputs: answer.run.outputs.map(({ records, error }) => ({
        records: bytesOf(records),
        error: error === null ? undefined : errorOf(error),
      })),
      failure: answer.run.failure === null ? undefined : failureOf(answer.run.failure),
    };
  }

  /**
   * Feeds one batch again and again for a time.
   * @param encode whether the records that come out are encoded again, as whoever sends them on has to do
   */
  async bench(
    steps: readonly ChainStep[],
    batch: RealBatch,
    milliseconds: number,
    encode: boolean,
  ): Promise<RealSpeed> {
    const bench = {
      steps: steps.map((step) => this.stepJson(step)),
      version: 22,
      batch: batchJson(batch),
      milliseconds,
      encode,
    };
    const { speed, failure } = await this.ask({ bench });
    if (speed === undefined) throw new Error(`the real engine measured nothing: ${failure?.text}`);
    return speed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.stdin?.end();
    await this.ended;
    rmSync(this.folder, { recursive: true });
  }

  private ask(job: object): Promise<Answer> {
    if (this.waiting !== undefined) throw new Error("the real engine takes one job at a time");
    return new Promise((resolve, reject) => {
      this.waiting = { resolve, reject };
      this.child.stdin?.write(`${JSON.stringify(job)}\n`);
    });
  }

  private onText(text: string): void {
    this.received += text;
    const end = this.received.indexOf("\n");
    if (end === -1) return;
    const answer = JSON.parse(this.received.slice(0, end)) as Answer;
    this.received = this.received.slice(end + 1);
    const { waiting } = this;
    this.waiting = undefined;
    waiting?.resolve(answer);
  }

  private stepJson({ wasm, params, accumulator, lookback }: ChainStep): object {
    const file = join(this.folder, `${createHash("sha256").update(wasm).digest("hex")}.wasm`);
    if (!existsSync(file)) writeFileSync(file, wasm);
    return {
      wasm: file,
      params: Object.fromEntries(params),
      accumulator: accumulator === undefined ? null : hex(accumulator),
      lookback: lookback === undefined ? null : { last: lookback.last, ageMs: lookback.ageMs ?? null },
    };
  }
}

function batchJson({ records, baseOffset, baseTimestampMs }: RealBatch): object {
  return { records: hex(records), baseOffset, baseTimestampMs };
}

function failureOf({ stage, text, error }: FailureJson): RealFailure {
  return { stage, text, error: error === null ? undefined : errorOf(error) };
}

function errorOf({ key, value, ...rest }: ErrorJson): RealError {
  return {
    ...rest,
    key: key === null ? undefined : bytesOf(key),
    value: value === null ? undefined : bytesOf(value),
  };
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex");
}

function bytesOf(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "hex"));
}
