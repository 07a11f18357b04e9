import type { ConsumedPosition, Consumer } from "../../client/index.ts";
import type { Logger } from "../../protocol/index.ts";
import type { SinkOptions } from "../options/sink-options.ts";

/** Stores a sink's position while it works on: one request at a time, with whatever was worked off in the meantime. */
export class OffsetFlusher {
  readonly #consumer: Consumer;
  readonly #options: Pick<SinkOptions, "strategy" | "flushPeriodMs">;
  readonly #logger: Logger;
  #flushing: Promise<void> | undefined;
  #isBehind = false;
  #flushedMs = performance.now();
  /** Waits for the period to be over, also when no more records come. */
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(consumer: Consumer, options: Pick<SinkOptions, "strategy" | "flushPeriodMs">, logger: Logger) {
    this.#consumer = consumer;
    this.#options = options;
    this.#logger = logger;
  }

  /** Takes note that everything up to these positions is durable. */
  workedOff(positions: readonly ConsumedPosition[]): void {
    const { strategy, flushPeriodMs = 0 } = this.#options;
    if (strategy === "none") return;
    for (const position of positions) this.#consumer.offsetCommit(position);
    const waitMs = this.#flushedMs + flushPeriodMs - performance.now();
    if (waitMs <= 0) this.#isDue();
    else this.#timer ??= setTimeout(() => this.#isDue(), waitMs);
  }

  #isDue(): void {
    this.#forgetTimer();
    if (this.#flushing === undefined) this.#start();
    else this.#isBehind = true;
  }

  #forgetTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #start(): void {
    this.#flushedMs = performance.now();
    this.#isBehind = false;
    this.#flushing = this.#consumer
      .offsetFlush()
      .catch((error: unknown) => {
        // At worst records are written again; the next group tries again.
        this.#logger.warn({ error }, "the position could not be stored");
      })
      .finally(() => {
        this.#flushing = undefined;
        if (this.#isBehind) this.#start();
      });
  }

  /** Stores the position. @throws FLV_CONSUMER_OFFSET | FLV_CONNECT | FLV_CONNECTION_CLOSED */
  async now(): Promise<void> {
    if (this.#options.strategy === "none") return;
    await this.settled();
    await this.#consumer.offsetFlush();
  }

  /** Resolves when nothing is on its way; what was to be stored later is left to the end of the consumer. */
  async settled(): Promise<void> {
    this.#forgetTimer();
    while (this.#flushing !== undefined) await this.#flushing;
  }
}
