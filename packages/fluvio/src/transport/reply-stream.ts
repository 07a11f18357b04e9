import { assert } from "../protocol/index.ts";

/** Replies of one stream that wait to be taken before the connection is not read any further. */
const WAITING_FRAMES_MAX = 64;

/** One-shot request or stream: whoever waits for frames with its correlation id. */
export interface ReplyTaker {
  /** `body` is the frame after the correlation id. A throw closes the connection. */
  take(body: Uint8Array): void;
  fail(error: Error): void;
}

interface ReplyStreamOptions<T> {
  readonly decode: (body: Uint8Array) => T;
  readonly onFull: () => void;
  readonly onRoom: () => void;
  readonly onEnd: () => void;
  readonly onUndecodable: (error: Error) => void;
  readonly signal: AbortSignal | undefined;
}

interface Waiter<T> {
  readonly resolve: (result: IteratorResult<T>) => void;
  readonly reject: (error: unknown) => void;
}

/** The replies of one streaming request, decoded when they are taken. */
export class ReplyStream<T> implements AsyncIterableIterator<T>, ReplyTaker {
  readonly #options: ReplyStreamOptions<T>;
  readonly #frames: Uint8Array[] = [];
  readonly #waiters: Waiter<T>[] = [];
  readonly #onAbort: () => void;
  #full = false;
  #ended = false;
  #error: { readonly reason: unknown } | undefined;

  constructor(options: ReplyStreamOptions<T>) {
    this.#options = options;
    this.#onAbort = () => this.#end({ reason: options.signal?.reason });
    if (options.signal?.aborted) this.#onAbort();
    else options.signal?.addEventListener("abort", this.#onAbort, { once: true });
  }

  take(body: Uint8Array): void {
    if (this.#ended) return;
    const waiter = this.#waiters.shift();
    if (waiter !== undefined) {
      this.#give(waiter, body);
      return;
    }
    this.#frames.push(body);
    if (!this.#full && this.#frames.length >= WAITING_FRAMES_MAX) {
      this.#full = true;
      this.#options.onFull();
    }
  }

  fail(error: Error): void {
    this.#end({ reason: error });
  }

  #give(waiter: Waiter<T>, body: Uint8Array): void {
    let value: T;
    try {
      value = this.#options.decode(body);
    } catch (error) {
      waiter.reject(error);
      this.#end({ reason: error });
      this.#options.onUndecodable(error as Error);
      return;
    }
    waiter.resolve({ done: false, value });
  }

  next(): Promise<IteratorResult<T>> {
    return new Promise((resolve, reject) => {
      const waiter = { resolve, reject };
      const body = this.#frames.shift();
      if (body !== undefined) {
        this.#give(waiter, body);
        this.#checkRoom();
      } else if (this.#error !== undefined) {
        const { reason } = this.#error;
        this.#error = undefined;
        reject(reason);
      } else if (this.#ended) {
        resolve({ done: true, value: undefined });
      } else {
        this.#waiters.push(waiter);
      }
    });
  }

  #checkRoom(): void {
    if (this.#full && this.#frames.length < WAITING_FRAMES_MAX / 2) {
      this.#full = false;
      this.#options.onRoom();
    }
  }

  /** Gives up the rest; replies that still come are dropped. */
  return(): Promise<IteratorResult<T>> {
    this.#end(undefined);
    this.#error = undefined;
    this.#frames.length = 0;
    this.#checkRoom();
    return Promise.resolve({ done: true, value: undefined });
  }

  #end(error: { readonly reason: unknown } | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#options.signal?.removeEventListener("abort", this.#onAbort);
    this.#options.onEnd();
    const waiters = this.#waiters.splice(0);
    assert(waiters.length === 0 || this.#frames.length === 0, "frames wait only when no caller does");
    const first = waiters.shift();
    if (error === undefined) first?.resolve({ done: true, value: undefined });
    else if (first !== undefined) first.reject(error.reason);
    else this.#error = error;
    for (const waiter of waiters) waiter.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
