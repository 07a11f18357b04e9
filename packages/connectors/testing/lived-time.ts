const TICK_MS = 50;

/** Time as this process has lived it: what a busy machine keeps it from running for is not counted. */
export class LivedTime implements Disposable {
  #ms = 0;
  readonly #timer = setInterval(() => {
    this.#ms += TICK_MS;
  }, TICK_MS);

  get ms(): number {
    return this.#ms;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
