import { flvError } from "../../protocol/index.ts";
import type { PartitionLog } from "../../storage/index.ts";
import type { AggregateStateCommit, AggregateStateEntry, AggregateStateKey } from "../link.ts";
import { AGGREGATE_STATE_RECORDS } from "./aggregate-state-record.ts";
import { KeyedLog, type KeyedLogOptions } from "./keyed-log.ts";

/** All states together: they are kept in memory as well. */
const STATES_BYTES_MAX = 256 * 1024 * 1024;

export interface AggregateStateFilter {
  readonly name: string | undefined;
  readonly topic: string | undefined;
}

/** The states of aggregates, as the leader of their system topic keeps them. */
export class AggregateStateStore {
  private readonly entries: KeyedLog<AggregateStateKey, AggregateStateEntry>;
  private readonly options: KeyedLogOptions;

  private constructor(entries: KeyedLog<AggregateStateKey, AggregateStateEntry>, options: KeyedLogOptions) {
    this.entries = entries;
    this.options = options;
  }

  /** @throws FLV_DECODE | FLV_STORAGE */
  static async load(log: PartitionLog, options: KeyedLogOptions): Promise<AggregateStateStore> {
    const bounded = { sizeBytesMax: STATES_BYTES_MAX, ...options };
    return new AggregateStateStore(await KeyedLog.load(log, AGGREGATE_STATE_RECORDS, bounded), options);
  }

  get(key: AggregateStateKey): AggregateStateEntry | undefined {
    return this.entries.get(key);
  }

  /** In order of name, topic and partition. */
  list({ name, topic }: AggregateStateFilter): AggregateStateEntry[] {
    const found = [...this.entries.entries()].filter(
      (entry) => (name === undefined || entry.name === name) && (topic === undefined || entry.topic === topic),
    );
    return found.sort((a, b) => compare(a.name, b.name) || compare(a.topic, b.topic) || a.partition - b.partition);
  }

  /**
   * Resolves when the state and its offset are durable, both or neither.
   * @throws FLV_AGGREGATE_STATE when another state is stored than the one it follows | FLV_STORAGE | FLV_DISK_FULL
   */
  commit({ previousOffset, ...state }: AggregateStateCommit): Promise<void> {
    const entry = { ...state, modifiedTimeMs: this.options.clock.nowMs() };
    return this.entries.put(entry, (current) => {
      if (current?.offset !== previousOffset) throw changedElsewhere(entry, previousOffset, current?.offset);
    });
  }

  /** Resolves with what was removed, durably. */
  async reset(filter: AggregateStateFilter): Promise<AggregateStateEntry[]> {
    const found = this.list(filter);
    await Promise.all(found.map((entry) => this.entries.delete(entry)));
    return found;
  }

  /** Drops every state over a topic that is no more. */
  deleteTopic(topic: string): Promise<void> {
    return this.entries.deleteTopic(topic);
  }

  /** Writes all entries anew, so that retention may drop what is older. */
  checkpoint(): Promise<void> {
    return this.entries.checkpoint();
  }

  get writtenSinceMs(): number | undefined {
    return this.entries.writtenSinceMs;
  }
}

function changedElsewhere(key: AggregateStateKey, expected: number | undefined, found: number | undefined): Error {
  const { name, topic, partition } = key;
  const what = found === undefined ? "was reset" : `was changed by another consumer, to offset ${found}`;
  return flvError("FLV_AGGREGATE_STATE", `The state ${name} of ${topic}-${partition} ${what} while it was in use`, {
    details: { name, topic, partition, expected, found },
    hint: "start the consumer again: it goes on with what is stored",
  });
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
