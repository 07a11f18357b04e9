interface Deadline {
  readonly atMs: number;
  readonly expired: () => void;
}

/**
 * What is to happen when something has not come in time, by id. One timer serves all: a timer for each request costs
 * more than the rest of its bookkeeping. The timer alone keeps no process alive: the socket does.
 */
export class Deadlines {
  readonly #waiting = new Map<number, Deadline>();
  #timer: NodeJS.Timeout | undefined;
  #timerAtMs = Number.POSITIVE_INFINITY;

  /** Calls `expired` in `timeoutMs`, unless it is deleted before. */
  set(id: number, timeoutMs: number, expired: () => void): void {
    const nowMs = performance.now();
    const atMs = nowMs + timeoutMs;
    this.#waiting.set(id, { atMs, expired });
    if (atMs < this.#timerAtMs) this.#start(nowMs, atMs);
  }

  /** The timer stays for the next ones: it finds nothing to do, or is late enough for what has come meanwhile. */
  delete(id: number): void {
    this.#waiting.delete(id);
  }

  #start(nowMs: number, atMs: number): void {
    clearTimeout(this.#timer);
    this.#timerAtMs = atMs;
    this.#timer = setTimeout(() => this.#expire(), Math.max(0, Math.ceil(atMs - nowMs))).unref();
  }

  #expire(): void {
    this.#timerAtMs = Number.POSITIVE_INFINITY;
    const nowMs = performance.now();
    const expired: Deadline[] = [];
    let nextMs = Number.POSITIVE_INFINITY;
    for (const [id, deadline] of this.#waiting) {
      if (deadline.atMs > nowMs) nextMs = Math.min(nextMs, deadline.atMs);
      else if (this.#waiting.delete(id)) expired.push(deadline);
    }
    if (nextMs < Number.POSITIVE_INFINITY) this.#start(nowMs, nextMs);
    for (const deadline of expired.sort((a, b) => a.atMs - b.atMs)) deadline.expired();
  }
}
