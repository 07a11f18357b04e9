import { setTimeout as sleep } from "node:timers/promises";

/** Timers take 32 bits of milliseconds. */
const SLEEP_MS_MAX = 2 ** 31 - 1;

/**
 * Waits until `performance.now()` has reached `atMs`, never less: a timer counts from when its turn of the event loop began, so one
 * of Node is early by as long as that turn took, and by what is cut off its milliseconds.
 * @throws the signal's reason
 */
export async function waitUntil(atMs: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  for (let leftMs = atMs - performance.now(); leftMs > 0; leftMs = atMs - performance.now()) {
    await sleep(Math.min(Math.ceil(leftMs), SLEEP_MS_MAX), undefined, { signal });
  }
}
