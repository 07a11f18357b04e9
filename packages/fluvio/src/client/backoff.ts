import { flvError, isFluvioError } from "../protocol/index.ts";
import type { RetryPolicy } from "./types.ts";

/** Pauses that double, for a limited time. */
export class Backoff {
  readonly #policy: RetryPolicy;
  #delayMs: number;
  #startedMs: number | undefined;
  #isWatched = false;

  constructor(policy: RetryPolicy) {
    this.#policy = policy;
    this.#delayMs = policy.initialDelayMs;
  }

  /** Counts the time from now on, not from the first failure. */
  start(): this {
    this.#startedMs = performance.now();
    return this;
  }

  /** Something worked: the next failure starts anew. */
  reset(): void {
    this.#delayMs = this.#policy.initialDelayMs;
    this.#startedMs = undefined;
    this.settled();
  }

  /** Tells the policy's watch that there is nothing to be tried again just now; pauses go on growing. */
  settled(): void {
    if (!this.#isWatched) return;
    this.#isWatched = false;
    this.#policy.watch?.settled(this);
  }

  /** Waits before the next attempt. @throws `error`, when the time is over; the signal's reason */
  async pause(error: unknown, signal?: AbortSignal): Promise<void> {
    const nowMs = performance.now();
    this.#startedMs ??= nowMs;
    const leftMs = this.#startedMs + this.#policy.timeoutMs - nowMs;
    if (leftMs <= 0) {
      this.settled();
      throw exhausted(error, this.#policy.timeoutMs);
    }
    this.#isWatched = true;
    this.#policy.watch?.failed(this, error);
    const delayMs = Math.min(this.#delayMs, leftMs);
    this.#delayMs = Math.min(this.#delayMs * 2, this.#policy.maxDelayMs);
    await sleep(delayMs, signal).catch((reason: unknown) => {
      this.settled();
      throw reason;
    });
  }
}

/** For single calls: long enough for an SPU or a cluster to restart, short enough to tell a user who waits. */
export const CALL_RETRY_DEFAULT: RetryPolicy = { initialDelayMs: 50, maxDelayMs: 1000, timeoutMs: 10_000 };

function exhausted(error: unknown, timeoutMs: number): unknown {
  if (!isFluvioError(error)) return error;
  return flvError(error.code, `${error.message} (tried again for ${timeoutMs} ms)`, {
    cause: error,
    details: error.details,
    retriable: error.retriable,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  });
}

function sleep(delayMs: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    }, delayMs);
    if (signal?.aborted) onAbort();
    else signal?.addEventListener("abort", onAbort, { once: true });
  });
}

/** True when the same call may work on a new connection. */
export function isConnectionError(error: unknown): boolean {
  if (!isFluvioError(error)) return false;
  switch (error.code) {
    case "FLV_CONNECTION_CLOSED":
    case "FLV_CONNECT":
    case "FLV_TIMEOUT":
    case "FLV_NOT_LEADER":
    case "FLV_SPU_NOT_FOUND":
      return true;
    default:
      return false;
  }
}
