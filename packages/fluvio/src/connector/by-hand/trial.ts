import { setTimeout as sleep } from "node:timers/promises";
import type { ConsumerRecord } from "../../client/index.ts";
import { flvError, type Logger, silentLogger } from "../../protocol/index.ts";
import type {
  ConnectorContext,
  GroupOptions,
  Position,
  SinkDefinition,
  SinkGroup,
  SinkWrite,
  SourceDefinition,
  SourceRecord,
} from "../define.ts";
import type { ConnectorConfig } from "../file/config.ts";
import { loadConnectorFile } from "../file/load.ts";
import { checkOptions } from "../options/check.ts";

/** How a connector is tried out, without a cluster. */
export interface TrialOptions {
  /** The connector's own options, as they stand in a file below `parameters`. */
  readonly parameters?: Readonly<Record<string, unknown>>;
  /** Values of secrets that stand in for options. */
  readonly secrets?: Readonly<Record<string, string>>;
  readonly logger?: Logger;
  /** Ends the trial. */
  readonly signal?: AbortSignal;
  /** Told what is in the way. */
  trouble?(reason: string): void;
}

export interface SourceTrialOptions extends TrialOptions {
  /** The source is stopped when it has handed over so many. Default 1. */
  readonly records?: number;
  /** It is stopped then, whatever it has handed over. Default 15 000. */
  readonly timeoutMs?: number;
  /** Where an earlier run has stopped. */
  readonly position?: Position;
  /** Whether its `stored` functions are called, as if a cluster had everything. Default false. */
  readonly stores?: boolean;
}

export interface SourceTrial {
  readonly records: readonly SourceRecord[];
  /** Positions of its checkpoints, in their order. */
  readonly positions: readonly Position[];
  /** Whether it ended by itself. */
  readonly ended: boolean;
}

const TIMEOUT_MS_DEFAULT = 15_000;
/** How long a connector may take to end when it is told to. */
const STOP_TIMEOUT_MS = 5000;
/** How messages name options that come from a program. */
const PARAMETERS = "parameters";
/** Name of a connector that is tried out, and of its topic. */
const TRIAL = "trial";

/**
 * Runs a source until it has handed over some records; they go nowhere, and nothing is acknowledged to its system. For tests:
 *
 * ```ts
 * const { records } = await trySource(connector, { parameters: { endpoint: url }, records: 2 });
 * ```
 * @throws FLV_CONNECTOR_INVALID for options that are wrong, and what the source throws
 */
export async function trySource(definition: SourceDefinition, options: SourceTrialOptions = {}): Promise<SourceTrial> {
  const { records: recordsMax = 1, timeoutMs = TIMEOUT_MS_DEFAULT, stores = false } = options;
  const stop = new AbortController();
  const context = contextOf(definition, options, stop.signal);
  const end = () => stop.abort();
  const timer = setTimeout(end, timeoutMs);
  options.signal?.addEventListener("abort", end, { once: true });
  const records: SourceRecord[] = [];
  const positions: Position[] = [];
  let storing = Promise.resolve();
  let failure: unknown;
  const running = definition.run({
    ...context,
    position: options.position,
    send: async (record) => {
      if (stop.signal.aborted) return;
      records.push(copied(record));
      if (records.length >= recordsMax) end();
    },
    checkpoint: ({ position, stored }) => {
      if (position !== undefined) positions.push(position);
      if (stores && stored !== undefined) {
        storing = storing.then(stored).catch((error: unknown) => {
          failure ??= error;
        });
      }
    },
    flush: async () => {},
    lag: () => {},
  });
  try {
    const ended = await untilEnded(running, stop.signal);
    await storing;
    if (failure !== undefined) throw failure;
    return { records, positions, ended };
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener("abort", end);
    end();
  }
}

/** @returns whether it ended by itself */
async function untilEnded(running: Promise<void>, signal: AbortSignal): Promise<boolean> {
  const late = new AbortController();
  const givenUp = new Promise<void>((resolve) => {
    const wait = () => void sleep(STOP_TIMEOUT_MS, undefined, { signal: late.signal }).then(resolve, () => {});
    if (signal.aborted) wait();
    else signal.addEventListener("abort", wait, { once: true });
  });
  try {
    await Promise.race([running, givenUp]);
    return !signal.aborted;
  } catch (error) {
    // Being stopped interrupts what it was at.
    if (!signal.aborted) throw error;
    return false;
  } finally {
    late.abort();
  }
}

/** A record for a sink that is tried out. Text is UTF-8. */
export interface TrialRecord {
  readonly key?: Uint8Array | string;
  readonly value: Uint8Array | string;
  /** Default: its index. */
  readonly offset?: number;
  readonly partition?: number;
  readonly timestampMs?: number;
}

export interface SinkTrialOptions extends TrialOptions {
  readonly records: readonly TrialRecord[];
}

export interface SinkTrial {
  /** What became of each record. */
  readonly outcomes: readonly { readonly written: boolean; readonly reason?: string }[];
  /** How many times it wrote. */
  readonly writes: number;
}

/**
 * Gives records to a sink, which really writes them to its target. Every group is tried once; what it refuses, or throws, is
 * in the outcomes. Targets that keep a position are given none to keep.
 * @throws FLV_CONNECTOR_INVALID for options that are wrong, and what the sink throws outside of its write
 */
export async function trySink(definition: SinkDefinition, options: SinkTrialOptions): Promise<SinkTrial> {
  const stop = new AbortController();
  const end = () => stop.abort();
  options.signal?.addEventListener("abort", end, { once: true });
  const records = options.records.map(consumerRecord);
  const reasons = new Map<ConsumerRecord, string>();
  let writes = 0;
  const deliver = async (write: SinkWrite, group: GroupOptions = {}) => {
    for (const some of groupsOf(records, group)) {
      if (stop.signal.aborted) break;
      writes++;
      await write(trialGroup(some, reasons), stop.signal).catch((error: unknown) => {
        for (const record of some) reasons.set(record, error instanceof Error ? error.message : String(error));
      });
    }
  };
  try {
    await definition.run({ ...contextOf(definition, options, stop.signal), deliver });
  } finally {
    options.signal?.removeEventListener("abort", end);
  }
  if (records.length > 0 && writes === 0) {
    throw flvError("FLV_ARGUMENT", "the sink ended without asking for records", { hint: "Call `deliver` in `run`" });
  }
  const outcomes = records.map((record) => {
    const reason = reasons.get(record);
    return reason === undefined ? { written: true } : { written: false, reason };
  });
  return { outcomes, writes };
}

function trialGroup(records: readonly ConsumerRecord[], reasons: Map<ConsumerRecord, string>): SinkGroup {
  return {
    records,
    positions: [],
    refuse: (record, reason) => void reasons.set(record, reason),
    settleRefused: async () => {},
    following: async () => [],
  };
}

const GROUP_SIZE_BYTES_DEFAULT = 1024 * 1024;

function groupsOf(records: readonly ConsumerRecord[], options: GroupOptions): readonly (readonly ConsumerRecord[])[] {
  const { recordsMax = 1, sizeBytesMax = GROUP_SIZE_BYTES_DEFAULT } = options;
  const groups: ConsumerRecord[][] = [];
  let sizeBytes = 0;
  for (const record of records) {
    const size = (record.key?.length ?? 0) + record.value.length;
    const last = groups.at(-1);
    if (last === undefined || last.length >= recordsMax || sizeBytes + size > sizeBytesMax) {
      groups.push([record]);
      sizeBytes = size;
    } else {
      last.push(record);
      sizeBytes += size;
    }
  }
  return groups;
}

function contextOf(
  definition: SourceDefinition | SinkDefinition,
  { parameters = {}, secrets = {}, logger = silentLogger, trouble = () => {} }: TrialOptions,
  signal: AbortSignal,
): ConnectorContext<Readonly<Record<string, unknown>>> {
  const document = { name: TRIAL, type: definition.name, topic: TRIAL, parameters };
  const config: ConnectorConfig = loadConnectorFile(JSON.stringify(document), PARAMETERS);
  return {
    config: checkOptions(definition, config, PARAMETERS, secrets),
    name: config.name,
    topic: config.topic,
    logger,
    signal,
    trouble,
  };
}

const bytesOf = (data: Uint8Array | string): Uint8Array => (typeof data === "string" ? Buffer.from(data) : data);

/** The source may use its buffers again. */
function copied({ key, value }: SourceRecord): SourceRecord {
  const copy = (data: Uint8Array | string) => (typeof data === "string" ? data : Uint8Array.from(data));
  return { ...(key === undefined ? {} : { key: copy(key) }), value: copy(value) };
}

function consumerRecord(record: TrialRecord, index: number): ConsumerRecord {
  const { key, value, offset = index, partition = 0, timestampMs = Date.now() } = record;
  return {
    topic: TRIAL,
    offset,
    partition,
    timestampMs,
    key: key === undefined ? undefined : bytesOf(key),
    value: bytesOf(value),
  };
}
