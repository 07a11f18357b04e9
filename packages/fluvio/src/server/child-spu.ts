import { flvError, type Logger } from "../protocol/index.ts";
import type { Clock } from "./clock.ts";
import type { Sc } from "./sc/sc.ts";
import { type SpuProcess, type SpuProcessConfig, type SpuSpawnOptions, spawnSpu } from "./spu/spawn.ts";

/** Wait before an SPU that ended is started again; doubled each time until it has run for a while. */
const RESTART_DELAY_MS = 500;
const RESTART_DELAY_MS_MAX = 30_000;
/** An SPU that ran this long starts afresh with the shortest delay. */
const STABLE_AFTER_MS = 60_000;

export interface ChildSpuOptions {
  readonly config: SpuProcessConfig;
  readonly sc: Sc;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly output: SpuSpawnOptions["output"];
}

/** An SPU that runs as a child process: started again whenever it ends, until it is closed. */
export class ChildSpu {
  readonly id: number;
  readonly #options: ChildSpuOptions;
  /** Port 0 is replaced by the port that the first start got, so that clients find it again. */
  #config: SpuProcessConfig;
  #process: SpuProcess;
  #startedAtMs = 0;
  #delayMs = RESTART_DELAY_MS;
  #cancelRestart: (() => void) | undefined;
  #closing = false;
  #failedToStart: ((error: Error) => void) | undefined;
  #exited: Promise<void> = Promise.resolve();

  constructor(options: ChildSpuOptions) {
    this.#options = options;
    this.#config = options.config;
    this.id = options.config.id;
    this.#process = this.#start();
  }

  get processId(): number | undefined {
    return this.#process.child.pid;
  }

  /** Rejects when the process ends before this promise is abandoned: at its first start there is no second try. */
  failure(signal: AbortSignal): Promise<never> {
    return new Promise((_, reject) => {
      this.#failedToStart = reject;
      signal.addEventListener("abort", () => {
        this.#failedToStart = undefined;
        reject(signal.reason);
      });
    });
  }

  /** Keeps the port over restarts. */
  listensOn(port: number): void {
    this.#config = { ...this.#config, port };
  }

  #start(): SpuProcess {
    const { sc, clock, output } = this.#options;
    this.#startedAtMs = clock.nowMs();
    const started = spawnSpu(this.#config, output === undefined ? {} : { output });
    sc.attachSpu(this.id, started.link);
    this.#exited = new Promise((resolve) => {
      // a process that cannot be started tells it by `error` alone
      const ended = (how: string) => {
        started.child.removeAllListeners("exit").removeAllListeners("error");
        resolve();
        this.#ended(how);
      };
      started.child.once("error", (error) => ended(error.message));
      started.child.once("exit", (code, signal) => ended(signal === null ? `exit code ${code}` : `signal ${signal}`));
    });
    return started;
  }

  #ended(how: string): void {
    if (this.#closing) return;
    if (this.#failedToStart !== undefined) {
      this.#failedToStart(
        flvError("FLV_CLUSTER_START", `SPU ${this.id} ended while it was starting (${how})`, {
          details: { spu: this.id, how, port: this.#config.port },
          hint: "Its own log lines say why; they are in the log of the cluster.",
        }),
      );
      return;
    }
    const { clock, logger } = this.#options;
    if (clock.nowMs() - this.#startedAtMs >= STABLE_AFTER_MS) this.#delayMs = RESTART_DELAY_MS;
    logger.error({ spu: this.id, how, restartInMs: this.#delayMs }, "an SPU process ended and is started again");
    this.#cancelRestart = clock.after(this.#delayMs, () => this.#restart());
    this.#delayMs = Math.min(this.#delayMs * 2, RESTART_DELAY_MS_MAX);
  }

  #restart(): void {
    if (this.#closing) return;
    try {
      this.#process = this.#start();
    } catch (error) {
      // the program itself is missing: it may be in the middle of an update
      this.#ended(String(error));
    }
  }

  /** Lets the SPU drain; after `timeoutMs` it is killed, which loses no acknowledged record. */
  async close(timeoutMs: number): Promise<void> {
    this.#closing = true;
    this.#cancelRestart?.();
    const { child, link } = this.#process;
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
    link.send({ type: "shutdown" });
    const cancel = this.#options.clock.after(timeoutMs, () => {
      this.#options.logger.warn({ spu: this.id, timeoutMs }, "an SPU process did not end in time and is killed");
      child.kill("SIGKILL");
    });
    await this.#exited;
    cancel();
  }
}
