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
  /** Keys and values of `records`. */
  bytesOut: number;
  /** Records that wait in the system of a source; absent when that does not say. */
  lag: number | undefined;
  /** When a record last went out, milliseconds since 1970. */
  lastRecordMs: number | undefined;
  /** Of a sink: where it goes on, by partition. */
  readonly positions: Map<number, number>;
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
    lastRecordMs: undefined,
    positions: new Map(),
  };
}

/** Key and value, bytes. */
export function recordSizeBytes({ key, value }: Pick<Bytes, "key" | "value">): number {
  return sizeOf(key) + sizeOf(value);
}

interface Bytes {
  readonly key?: Uint8Array | string | undefined;
  readonly value: Uint8Array | string;
}

const sizeOf = (part: Uint8Array | string | undefined): number =>
  part === undefined ? 0 : typeof part === "string" ? Buffer.byteLength(part) : part.length;

/** Counters on their way to the supervisor. */
export interface CountersMessage extends Omit<RunCounters, "positions"> {
  readonly positions: readonly (readonly [partition: number, nextOffset: number])[];
}

export function countersMessage(counters: RunCounters): CountersMessage {
  return { ...counters, positions: [...counters.positions] };
}
