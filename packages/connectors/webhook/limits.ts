/** Lets so many requests a second through; what was not used is there for one second more. */
export class RateLimit {
  readonly #perSecond: number;
  #left: number;
  #atMs: number;

  constructor(perSecond: number, nowMs: number) {
    this.#perSecond = perSecond;
    this.#left = perSecond;
    this.#atMs = nowMs;
  }

  /** @returns 0 when the request may pass; else after how many milliseconds the next may */
  take(nowMs: number): number {
    const earned = ((nowMs - this.#atMs) / 1000) * this.#perSecond;
    this.#left = Math.min(this.#perSecond, this.#left + earned);
    this.#atMs = nowMs;
    if (this.#left >= 1) {
      this.#left--;
      return 0;
    }
    return ((1 - this.#left) / this.#perSecond) * 1000;
  }
}
