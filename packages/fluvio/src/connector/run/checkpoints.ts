import { setTimeout as sleep } from "node:timers/promises";
import type { Checkpoint, Position } from "../define.ts";

export interface CheckpointsParts {
  /** Resolves when every record that was handed over so far is acknowledged or dealt with. @throws what ends the connector */
  settled(): Promise<void>;
  /** Resolves to true when the position is durable, to false when that was given up because the connector ends. */
  keep(position: Position): Promise<boolean>;
  /** Least time from one kept position to the next. */
  readonly intervalMs: number;
  /** Called when a checkpoint cannot be dealt with: the connector has to end. */
  fail(error: unknown): void;
}

/** So many places may wait before {@link Checkpoints.hasRoom} says no. */
const WAITING_MAX = 10_000;

/**
 * Works off the places that a source marked: all that wait at a time go together, as soon as the records before the last
 * of them are acknowledged. A place that nobody waits for is given up for the next one.
 */
export class Checkpoints {
  readonly #parts: CheckpointsParts;
  #waiting: Checkpoint[] = [];
  #running: Promise<void> | undefined;
  #keptMs = Number.NEGATIVE_INFINITY;
  readonly #ending = new AbortController();
  #roomWaiters: (() => void)[] = [];

  constructor(parts: CheckpointsParts) {
    this.#parts = parts;
  }

  /** {@link SourceContext.checkpoint} */
  add({ position, stored }: Checkpoint): void {
    const last = this.#waiting.at(-1);
    const isMerged = last !== undefined && last.stored === undefined;
    const kept = position === undefined && isMerged ? last.position : position;
    if (isMerged) this.#waiting.pop();
    this.#waiting.push({
      ...(kept === undefined ? {} : { position: kept }),
      ...(stored === undefined ? {} : { stored }),
    });
    this.#running ??= this.#run();
  }

  get hasRoom(): boolean {
    return this.#waiting.length < WAITING_MAX;
  }

  /** Resolves when places have been worked off. */
  room(): Promise<void> {
    return this.hasRoom ? Promise.resolve() : new Promise((resolve) => this.#roomWaiters.push(resolve));
  }

  /** Resolves when every place is worked off, at once: positions do not wait for their turn any more. */
  async finish(): Promise<void> {
    this.#ending.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    // places that are marked in the same turn go together
    await Promise.resolve();
    try {
      while (this.#waiting.length > 0) {
        if (this.#waiting.some(({ position }) => position !== undefined)) await this.#turn();
        const places = this.#waiting;
        this.#waiting = [];
        await this.#parts.settled();
        if (!(await this.#workOff(places))) break;
        this.#freeRoom();
      }
    } catch (error) {
      this.#parts.fail(error);
    } finally {
      this.#running = undefined;
      this.#freeRoom();
    }
  }

  /** @returns false when the connector ended before the position was kept */
  async #workOff(places: readonly Checkpoint[]): Promise<boolean> {
    const last = places.findLast(({ position }) => position !== undefined);
    if (last?.position !== undefined) {
      this.#keptMs = performance.now();
      if (!(await this.#parts.keep(last.position))) return false;
    }
    for (const { stored } of places) await stored?.();
    return true;
  }

  /** Waits until a position may be kept again. */
  async #turn(): Promise<void> {
    const leftMs = this.#keptMs + this.#parts.intervalMs - performance.now();
    if (leftMs <= 0) return;
    await sleep(leftMs, undefined, { signal: this.#ending.signal }).catch(() => {
      // the end is no reason to wait
    });
  }

  #freeRoom(): void {
    const waiters = this.#roomWaiters;
    this.#roomWaiters = [];
    for (const resolve of waiters) resolve();
  }
}
