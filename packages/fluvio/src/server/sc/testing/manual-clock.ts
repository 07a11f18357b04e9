import type { Clock } from "../../clock.ts";

/** Time that moves only when a test says so. */
export class ManualClock implements Clock {
  #nowMs = 1_700_000_000_000;
  readonly #timers = new Set<{ readonly atMs: number; readonly callback: () => void }>();
  readonly #listeners = new Set<() => void>();

  nowMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, callback: () => void): () => void {
    const timer = { atMs: this.#nowMs + delayMs, callback };
    this.#timers.add(timer);
    for (const listener of [...this.#listeners]) listener();
    return () => this.#timers.delete(timer);
  }

  /** Resolves when somebody waits for exactly this long from now. */
  async waiting(delayMs: number): Promise<void> {
    while (![...this.#timers].some(({ atMs }) => atMs === this.#nowMs + delayMs)) {
      await new Promise<void>((resolve) => {
        const listener = () => {
          this.#listeners.delete(listener);
          resolve();
        };
        this.#listeners.add(listener);
      });
    }
  }

  advance(ms: number): void {
    this.#nowMs += ms;
    for (const timer of [...this.#timers].sort((a, b) => a.atMs - b.atMs)) {
      if (timer.atMs > this.#nowMs || !this.#timers.delete(timer)) continue;
      timer.callback();
    }
  }
}
