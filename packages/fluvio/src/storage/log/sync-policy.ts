import { type EventLoopUtilization, performance } from "node:perf_hooks";

/** Larger groups take long enough on disk that the thread has better things to do. */
const BLOCKING_BYTES_MAX = 16 * 1024;
/** When blocking calls take longer than this on average, the disk is slow or busy. */
const AVERAGE_MS_MAX = 1.5;
/** Weight of the newest call in the average: one outlier (a journal commit, a lost core) changes nothing, a stall does. */
const NEWEST_SHARE = 1 / 8;
/** How long to stay away from blocking when the disk turned out slow; doubled as long as it still is. */
const PAUSE_MS_MIN = 25;
const PAUSE_MS_MAX = 250;
/** How often the share of other work is looked at. */
const SAMPLE_MS = 10;
const OTHER_WORK_SHARE_MAX = 0.75;

/**
 * Decides whether a small group is written and synced on the spot, blocking the thread, or in the background.
 * Measured here for 280 B, p50 write and sync: 0.19 ms blocking, 0.28 ms through the thread pool, whose two hand-overs
 * cost more than the sync saves. So a lone writer on an otherwise idle thread blocks; as soon as the disk is slow, the
 * thread has other work (streams, other partitions) or the group is not small, the background is used.
 */
export class SyncPolicy {
  readonly #nowMs: () => number;
  #averageMs = 0;
  #pauseMs = PAUSE_MS_MIN;
  #pausedUntilMs = 0;
  #sampledAtMs = 0;
  #sample: EventLoopUtilization | undefined;
  #blockedMs = 0;
  #threadIsBusy = false;

  constructor(nowMs = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  /** Whether to block for writing a group of this size: a copy into the system's memory, a few microseconds. */
  mayWrite(sizeBytes: number): boolean {
    return sizeBytes <= BLOCKING_BYTES_MAX && (this.#pausedUntilMs === 0 || this.#pauseIsOver());
  }

  /** Whether to block for writing and syncing a group of this size, when it is the only one. */
  mayWriteAndSync(sizeBytes: number): boolean {
    if (!this.mayWrite(sizeBytes)) return false;
    const nowMs = this.#nowMs();
    if (nowMs - this.#sampledAtMs >= SAMPLE_MS) this.#look(nowMs);
    return !this.#threadIsBusy;
  }

  /** Notes how long a blocking call took: a slow disk, or one with too much to write back, is not waited for again. */
  note(durationMs: number): void {
    this.#blockedMs += durationMs;
    this.#averageMs += (durationMs - this.#averageMs) * NEWEST_SHARE;
    if (this.#averageMs > AVERAGE_MS_MAX) {
      this.#pausedUntilMs = this.#nowMs() + this.#pauseMs;
      this.#pauseMs = Math.min(2 * this.#pauseMs, PAUSE_MS_MAX);
    } else if (this.#averageMs < AVERAGE_MS_MAX / 2) {
      this.#pauseMs = PAUSE_MS_MIN;
    }
  }

  /** One call is tried after a pause: when that is slow too, the next pause begins. */
  #pauseIsOver(): boolean {
    if (this.#nowMs() < this.#pausedUntilMs) return false;
    this.#pausedUntilMs = 0;
    this.#averageMs = AVERAGE_MS_MAX * (1 - NEWEST_SHARE);
    return true;
  }

  #look(nowMs: number): void {
    const sample = performance.eventLoopUtilization();
    if (this.#sample) {
      const elapsedMs = nowMs - this.#sampledAtMs;
      const { active } = performance.eventLoopUtilization(sample, this.#sample);
      this.#threadIsBusy = (active - this.#blockedMs) / elapsedMs > OTHER_WORK_SHARE_MAX;
    }
    this.#sample = sample;
    this.#sampledAtMs = nowMs;
    this.#blockedMs = 0;
  }
}
