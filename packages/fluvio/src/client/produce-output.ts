import type { ProduceOutput, RecordMetadata } from "./types.ts";

/** The outcome of one batch, shared by the outputs of its records. Its promise exists only when one of them waits. */
export class BatchOutcome {
  readonly partition: number;
  #state: "pending" | "stored" | "failed" = "pending";
  #baseOffset = -1;
  #error: unknown;
  /** Records that are not in the batch, by their place among those that were sent. */
  #refused: ReadonlyMap<number, unknown> | undefined;
  #promise: Promise<void> | undefined;
  #resolve: (() => void) | undefined;

  constructor(partition: number) {
    this.partition = partition;
  }

  get isPending(): boolean {
    return this.#state === "pending";
  }

  get error(): unknown {
    return this.#error;
  }

  /** @param baseOffset offset of the first record, -1 when the records have none of their own */
  store(baseOffset: number): void {
    this.#state = "stored";
    this.#baseOffset = baseOffset;
    this.#resolve?.();
  }

  /** Takes single records out, before the rest is stored or fails: SmartModules refused them. */
  refuse(errors: ReadonlyMap<number, unknown>): void {
    this.#refused = errors;
  }

  fail(error: unknown): void {
    this.#state = "failed";
    this.#error = error;
    this.#resolve?.();
  }

  /** Resolves when the batch is stored or has failed. */
  settled(): Promise<void> {
    if (this.#state !== "pending") return Promise.resolve();
    this.#promise ??= new Promise((resolve) => {
      this.#resolve = resolve;
    });
    return this.#promise;
  }

  async metadata(index: number): Promise<RecordMetadata> {
    await this.settled();
    const refused = this.#refused?.get(index);
    if (refused !== undefined) throw refused;
    if (this.#state === "failed") throw this.#error;
    return { partition: this.partition, offset: this.#baseOffset < 0 ? -1 : this.#baseOffset + index };
  }
}

/** What became of the record at `index` of a batch. */
export class RecordOutput implements ProduceOutput {
  readonly #outcome: BatchOutcome;
  readonly #index: number;

  constructor(outcome: BatchOutcome, index: number) {
    this.#outcome = outcome;
    this.#index = index;
  }

  get partition(): number {
    return this.#outcome.partition;
  }

  wait(): Promise<RecordMetadata> {
    return this.#outcome.metadata(this.#index);
  }
}
