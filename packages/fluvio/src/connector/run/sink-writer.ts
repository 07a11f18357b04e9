import { isFluvioError, type Logger } from "../../protocol/index.ts";
import type { SinkPosition, SinkRecord, SinkWrite } from "../define.ts";
import type { SinkOptions } from "../options/sink-options.ts";
import { type RunCounters, recordSizeBytes, wentOut } from "./counters.ts";
import { pauseAfter } from "./pauses.ts";
import { positionsOf } from "./record-groups.ts";
import type { RefusedRecords } from "./refused-records.ts";
import { isRefused, recordsRefused, tryLater, writeProblem } from "./write-errors.ts";

export interface SinkWriterOptions {
  readonly options: Pick<SinkOptions, "retry" | "onError">;
  readonly logger: Logger;
  readonly counters: RunCounters;
  /** Aborted when the connector is to stop: pauses end, nothing is tried again. */
  readonly stop: AbortSignal;
  /** Aborted when a write in hand must be given up. */
  readonly giveUp: AbortSignal;
  /** What keeps records from being written just now; empty when nothing does any more. */
  trouble(reason: string): void;
  readonly refused: RefusedRecords;
  /** Between 0 and 1, spreads attempts. */
  readonly random: () => number;
}

interface Refusal {
  readonly record: SinkRecord;
  readonly reason: string;
}

/** Records that are written together, and up to where their partitions are then worked off. */
export interface SinkWork {
  readonly records: readonly SinkRecord[];
  readonly positions: readonly SinkPosition[];
  following(): Promise<readonly SinkRecord[]>;
}

/** A part of a group has nothing to be read ahead. */
const NOTHING_FOLLOWS = async () => [];

/** What one call of the write came to. */
interface Attempt {
  readonly failure?: { readonly error: unknown };
  readonly refusals: readonly Refusal[];
  /** So many of the refusals are dealt with already. */
  readonly settled: number;
}

/** Writes groups until every record is durable or dealt with as `on_error` says. */
export class SinkWriter {
  readonly #options: SinkWriterOptions;
  readonly #write: SinkWrite;

  constructor(write: SinkWrite, options: SinkWriterOptions) {
    this.#write = write;
    this.#options = options;
  }

  /**
   * Resolves when the group is worked off.
   * @throws the stop signal's reason; FLV_SINK_REFUSED when `on_error` is `stop`
   */
  async write(work: SinkWork): Promise<void> {
    const { records } = work;
    const { options, trouble } = this.#options;
    for (let attempt = 1; ; attempt++) {
      const { failure, refusals, settled } = await this.#attempt(work);
      if (failure === undefined) {
        this.#written(records, refusals);
        if (refusals.length < records.length) trouble("");
        await this.#dealWith(refusals.slice(settled));
        return;
      }
      const reason = writeProblem(failure.error);
      if (isRefused(failure.error)) {
        await this.#refused(work, reason);
        return;
      }
      if (attempt >= options.retry.attempts) {
        const givenUp = `given up after ${attempt} attempts: ${reason}`;
        await this.#dealWith(records.map((record) => ({ record, reason: givenUp })));
        return;
      }
      await this.pause(attempt, failure.error);
    }
  }

  #written(records: readonly SinkRecord[], refusals: readonly Refusal[]): void {
    const sizeOf = (all: readonly SinkRecord[]) => all.reduce((sum, record) => sum + recordSizeBytes(record), 0);
    const sizeBytes = sizeOf(records) - sizeOf(refusals.map(({ record }) => record));
    wentOut(this.#options.counters, records.length - refusals.length, sizeBytes);
  }

  /** @throws when the write was given up because the connector ends */
  async #attempt(work: SinkWork): Promise<Attempt> {
    const { giveUp, options } = this.#options;
    const refusals: Refusal[] = [];
    let settled = 0;
    const refuse = (record: SinkRecord, reason: string) => void refusals.push({ record, reason });
    const settleRefused = async (): Promise<void> => {
      const unsettled = refusals.slice(settled);
      if (options.onError === "retry" && unsettled[0] !== undefined) throw tryLater(unsettled[0].reason);
      await this.#dealWith(unsettled);
      settled += unsettled.length;
    };
    try {
      await this.#write({ ...work, refuse, settleRefused }, giveUp);
      return { refusals, settled };
    } catch (error) {
      if (giveUp.aborted || isStopped(error)) throw error;
      return { failure: { error }, refusals: [], settled: 0 };
    }
  }

  /** A group that is refused as a whole: its halves are tried, until whoever is to blame is alone. */
  async #refused({ records, positions, following }: SinkWork, reason: string): Promise<void> {
    if (records.length > 1) {
      const middle = records.length >> 1;
      const [first, second] = [records.slice(0, middle), records.slice(middle)];
      await this.write({ records: first, positions: positionsOf(first, second[0]), following: NOTHING_FOLLOWS });
      await this.write({ records: second, positions, following });
      return;
    }
    await this.#dealWith(
      records.map((record) => ({ record, reason })),
      positions,
    );
  }

  /** @param positions of a target that keeps them itself, when the record is taken after all: nothing else would move them */
  async #dealWith(refusals: readonly Refusal[], positions: readonly SinkPosition[] = []): Promise<void> {
    for (const { record, reason } of refusals) {
      if (this.#options.options.onError === "retry") await this.#insist(record, reason, positions);
      else await this.#options.refused.handle({ ...record, stage: "write", reason });
    }
  }

  /** Tries a refused record until it is taken: the target may change its mind when it is put right. */
  async #insist(record: SinkRecord, reason: string, positions: readonly SinkPosition[]): Promise<void> {
    this.#options.counters.refused++;
    let problem: unknown = recordsRefused(reason);
    for (let attempt = 1; ; attempt++) {
      await this.pause(attempt, problem);
      const { failure, refusals } = await this.#attempt({
        records: [record],
        positions,
        following: NOTHING_FOLLOWS,
      });
      if (failure === undefined && refusals.length === 0) break;
      problem = failure?.error ?? recordsRefused(refusals[0]?.reason ?? reason);
    }
    this.#written([record], []);
    this.#options.trouble("");
  }

  /**
   * Waits before the next attempt: growing pauses, at least as long as the target asked for, spread.
   * @throws the stop signal's reason
   */
  async pause(attempt: number, error: unknown): Promise<void> {
    const { options, logger, stop, random, trouble } = this.#options;
    const failed = { what: "write", attempt, error, pauses: options.retry, random };
    await pauseAfter(failed, { signal: stop, logger, trouble });
  }
}

function isStopped(error: unknown): boolean {
  return isFluvioError(error) && error.code === "FLV_CONNECTOR_STOPPED";
}
