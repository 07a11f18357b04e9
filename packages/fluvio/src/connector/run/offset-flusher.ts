import type { ConsumedPosition, Consumer } from "../../client/index.ts";
import type { Logger } from "../../protocol/index.ts";
import type { SinkOptions } from "../options/sink-options.ts";

export interface OffsetFlusherOptions {
  readonly options: Pick<SinkOptions, "strategy" | "flushPeriodMs">;
  readonly logger: Logger;
  /** Asked before positions are stored: whether they still are this run's to store. */
  mayStore(): Promise<boolean>;
}

/** Stores a sink's position while it works on: one request at a time, with whatever was worked off in the meantime. */
export class OffsetFlusher {
  readonly #consumer: Consumer;
  readonly #options: OffsetFlusherOptions;
  /** By partition: worked off, and not on its way yet. */
  readonly #waiting = new Map<number, ConsumedPosition>();
  #flushing: Promise<void> | undefined;
  #isBehind = false;
  #flushedMs = performance.now();
  /** Waits for the period to be over, also when no more records come. */
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(consumer: Consumer, options: OffsetFlusherOptions) {
    this.#consumer = consumer;
    this.#options = options;
  }

  /** Takes note that everything up to these positions is durable. */
  workedOff(positions: readonly ConsumedPosition[]): void {
    const { strategy, flushPeriodMs = 0 } = this.#options.options;
    if (strategy === "none") return;
    for (const position of positions) this.#waiting.set(position.partition, position);
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
    this.#flushing = this.#flush()
      .catch((error: unknown) => {
        // At worst records are written again; the next group tries again.
        this.#options.logger.warn({ error }, "the position could not be stored");
      })
      .finally(() => {
        this.#flushing = undefined;
        if (this.#isBehind) this.#start();
      });
  }

  async #flush(): Promise<void> {
    if (await this.#commit()) await this.#consumer.offsetFlush();
  }

  async #commit(): Promise<boolean> {
    if (!(await this.#options.mayStore())) return false;
    for (const position of this.#waiting.values()) this.#consumer.offsetCommit(position);
    this.#waiting.clear();
    return true;
  }

  /** Stores positions at once. @throws FLV_CONSUMER_OFFSET | FLV_CONNECT | FLV_CONNECTION_CLOSED */
  async now(positions: readonly ConsumedPosition[]): Promise<void> {
    for (const position of positions) this.#waiting.set(position.partition, position);
    await this.#flush();
  }

  /** Resolves when nothing is on its way; what waited for its time the consumer stores when it is closed. */
  async finish(): Promise<void> {
    this.#forgetTimer();
    while (this.#flushing !== undefined) await this.#flushing;
    if (this.#waiting.size > 0) await this.#commit();
  }
}
