import { type FSWatcher, watch } from "node:fs";

/** Says when to look again: when something in a folder changes, when asked to, and at an interval. */
export class Waker implements Disposable {
  readonly #folder: string;
  readonly #intervalMs: number;
  readonly #signal: AbortSignal;
  readonly #onAbort = () => this.wake();
  #watcher: FSWatcher | undefined;
  #isAwake = false;
  #woken: (() => void) | undefined;

  constructor(folder: string, intervalMs: number, signal: AbortSignal) {
    this.#folder = folder;
    this.#intervalMs = intervalMs;
    this.#signal = signal;
    signal.addEventListener("abort", this.#onAbort, { once: true });
  }

  wake(): void {
    this.#isAwake = true;
    this.#woken?.();
  }

  /** Resolves at the next reason to look; one that came since the last call counts. */
  async wait(): Promise<void> {
    this.#watch();
    if (!this.#isAwake && !this.#signal.aborted) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, this.#intervalMs);
        this.#woken = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.#woken = undefined;
    this.#isAwake = false;
  }

  /** A folder that is not there, or that the system cannot watch, is looked at by the interval alone. */
  #watch(): void {
    if (this.#watcher !== undefined) return;
    try {
      const watcher = watch(this.#folder, { persistent: false }, (_, name) => {
        this.wake();
        // The folder itself was renamed or removed: the next one of this name is another.
        if (name === null || this.#folder.endsWith(`/${name}`)) this.#unwatch();
      });
      watcher.on("error", () => this.#unwatch());
      this.#watcher = watcher;
    } catch {
      this.#watcher = undefined;
    }
  }

  #unwatch(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
  }

  [Symbol.dispose](): void {
    this.#unwatch();
    this.#signal.removeEventListener("abort", this.#onAbort);
  }
}
