import { setTimeout as sleep } from "node:timers/promises";

/** Timers take 32 bits of milliseconds. */
const SLEEP_MS_MAX = 2 ** 31 - 1;

/**
 * Waits until `performance.now()` has reached `atMs`, never less. A timer alone may be early: it counts from when its turn
 * of the event loop began, and whole milliseconds only.
 * @throws the signal's reason
 */
export async function waitUntil(atMs: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  for (let leftMs = atMs - performance.now(); leftMs > 0; leftMs = atMs - performance.now()) {
    await sleep(Math.min(Math.ceil(leftMs), SLEEP_MS_MAX), undefined, { signal });
  }
}
