/** The cluster did not acknowledge in time, or cannot any more. */
export class NotAcknowledged extends Error {}

/**
 * Acknowledgements of many requests at once: one flush is under way at a time, and who comes meanwhile shares the next.
 */
export class Acks {
  readonly #flush: () => Promise<void>;
  readonly #timeoutMs: number;
  readonly #caughtUp: () => void;
  #current: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  /**
   * @param flush resolves when everything handed over before is acknowledged
   * @param caughtUp called when what was too late is acknowledged after all
   */
  constructor(flush: () => Promise<void>, timeoutMs: number, caughtUp: () => void) {
    this.#flush = flush;
    this.#caughtUp = caughtUp;
    this.#timeoutMs = timeoutMs;
  }

  /** Hands a record over, and resolves when it is acknowledged. @throws {@link NotAcknowledged} */
  async of(send: () => Promise<void>): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      const sentence = `the cluster did not acknowledge within ${this.#timeoutMs / 1000} s`;
      timer = setTimeout(() => reject(new NotAcknowledged(sentence)), this.#timeoutMs);
    });
    const stored = send().then(() => this.#shared());
    try {
      await Promise.race([stored, late]);
    } catch (error) {
      stored.then(this.#caughtUp, () => {});
      if (error instanceof NotAcknowledged) throw error;
      throw new NotAcknowledged("the cluster did not take the record", { cause: error });
    } finally {
      clearTimeout(timer);
    }
  }

  /** A flush that begins now or later. */
  #shared(): Promise<void> {
    if (this.#current === undefined) return this.#begin();
    const begin = () => {
      this.#next = undefined;
      return this.#begin();
    };
    this.#next ??= this.#current.then(begin, begin);
    return this.#next;
  }

  #begin(): Promise<void> {
    const flushing = this.#flush();
    const ended = () => {
      if (this.#current === flushing) this.#current = undefined;
    };
    this.#current = flushing;
    flushing.then(ended, ended);
    return flushing;
  }
}
