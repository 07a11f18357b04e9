import type { ModuleTotals } from "../../client/index.ts";
import type { LagUnit } from "../../protocol/index.ts";

/** What one run of a connector did. */
export interface RunCounters {
  /** Sent to the topic, or durable in the target. */
  records: number;
  /** Records that a SmartModule or the target refused; each is in the log or in the dead-letter topic. */
  recordErrors: number;
  /** Those of them that are in the dead-letter topic. */
  deadLettered: number;
  /** Times that a record was refused, those that were taken later included. */
  refused: number;
  /** Taken from the system of a source, or read from the topic. */
  recordsIn: number;
  bytesIn: number;
  /** Of `records`; in a source with the few bytes that frame each of them. */
  bytesOut: number;
  /** What waits in the system of a source; absent when that does not say. */
  lag: number | undefined;
  lagUnit: LagUnit;
  /** When a record last went out, milliseconds since 1970. */
  lastRecordMs: number | undefined;
  /** Of a sink: where it goes on, by partition. */
  readonly positions: Map<number, number>;
  /** Of the SmartModules that run in this process. */
  modules(): readonly ModuleTotals[];
}

export function newCounters(): RunCounters {
  return {
    records: 0,
    recordErrors: 0,
    deadLettered: 0,
    refused: 0,
    recordsIn: 0,
    bytesIn: 0,
    bytesOut: 0,
    lag: undefined,
    lagUnit: "records",
    lastRecordMs: undefined,
    positions: new Map(),
    modules: () => [],
  };
}

type Data = Uint8Array | string | undefined;

/** Counts a record that was taken from the system or the topic. */
export function cameIn(counters: RunCounters, key: Data, value: Data): void {
  counters.recordsIn++;
  counters.bytesIn += sizeBytesOf(key) + sizeBytesOf(value);
}

/** Counts records that the topic or the target has. */
export function wentOut(counters: RunCounters, records: number, sizeBytes: number): void {
  if (records === 0) return;
  counters.records += records;
  counters.bytesOut += sizeBytes;
  counters.lastRecordMs = Date.now();
}

/** Key and value. */
export function recordSizeBytes({ key, value }: { readonly key?: Data; readonly value: Data }): number {
  return sizeBytesOf(key) + sizeBytesOf(value);
}

function sizeBytesOf(data: Data): number {
  if (data === undefined) return 0;
  return typeof data === "string" ? Buffer.byteLength(data) : data.length;
}

/** Counters on their way to the supervisor. */
export interface CountersMessage extends Omit<RunCounters, "positions" | "modules"> {
  readonly positions: readonly (readonly [partition: number, nextOffset: number])[];
  /** Absent from a process of an earlier release, in a container. */
  readonly modules?: readonly ModuleTotals[];
}

export function countersMessage(counters: RunCounters): CountersMessage {
  return { ...counters, positions: [...counters.positions], modules: counters.modules() };
}
