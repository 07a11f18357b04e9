import { durationFromMs, encode, flvError, type Reader, SmartModuleExtraParams } from "../../protocol/index.ts";
import type { Lookback, SmartModuleKind } from "../types.ts";

/** ABI version spoken to modules: the newest that old modules read too (they ignore surplus bytes). */
export const ABI_VERSION = 22;
/** Version for modules that know neither timestamps nor lookback parameters and read an accumulator. */
export const ABI_VERSION_OLD = 19;

/** Kinds in the order in which the exports are looked for; the first one wins. */
export const KINDS: readonly SmartModuleKind[] = ["filter", "map", "filter_map", "array_map", "aggregate"];

/** What goes into a transform or look_back besides the records. */
export interface CallInput {
  /** Uncompressed records section: i32 count + records. */
  readonly records: Uint8Array;
  readonly baseOffset: number;
  readonly baseTimestampMs: number;
  /** Largest offset delta in the batch that the records are of; any for records that are of none. */
  readonly lastOffsetDelta?: number;
}

/** Bytes that follow the records in an input. */
export interface InputTail {
  /** Encoded params structure; only there up to version 22. */
  readonly params: Uint8Array;
  /** Only for aggregates. */
  readonly accumulator: Uint8Array | undefined;
}

export function inputSize(input: CallInput, tail: InputTail, version: number): number {
  const accumulator = tail.accumulator === undefined ? 0 : 4 + tail.accumulator.length;
  const params = version <= 22 ? tail.params.length : 0;
  const join = version >= 16 && version <= 22 ? 4 : 0;
  return 8 + 4 + input.records.length + params + join + (version >= 22 ? 8 : 0) + accumulator;
}

/** Writes an input of {@link inputSize} bytes at `ptr`. */
export function writeInput(memory: ArrayBuffer, ptr: number, input: CallInput, tail: InputTail, version: number): void {
  const view = new DataView(memory);
  const bytes = new Uint8Array(memory);
  view.setBigInt64(ptr, BigInt(input.baseOffset));
  view.setUint32(ptr + 8, input.records.length);
  bytes.set(input.records, ptr + 12);
  let at = ptr + 12 + input.records.length;
  if (version <= 22) {
    bytes.set(tail.params, at);
    at += tail.params.length;
    if (version >= 16) {
      view.setUint32(at, 0);
      at += 4;
    }
  }
  if (version >= 22) {
    view.setBigInt64(at, BigInt(input.baseTimestampMs));
    at += 8;
  }
  if (tail.accumulator !== undefined) {
    view.setUint32(at, tail.accumulator.length);
    bytes.set(tail.accumulator, at + 4);
  }
}

/** The error part of a transform's output. */
export interface TransformError {
  readonly hint: string;
  readonly offset: number;
  readonly kind: SmartModuleKind;
  readonly key: Uint8Array | undefined;
  readonly value: Uint8Array;
}

/** The error part of an output after its records; `undefined` when the module reported none. Bytes are copied. */
export function readTransformError(reader: Reader, kind: SmartModuleKind): TransformError | undefined {
  if (!reader.bool()) return undefined;
  const hint = reader.string();
  const offset = reader.i64();
  // the tag repeats what is known from the export; old crates number differently
  reader.u8();
  const { key, value } = readKeyAndValue(reader);
  return { hint, offset, kind, key, value };
}

export function readKeyAndValue(reader: Reader): { key: Uint8Array | undefined; value: Uint8Array } {
  const key = reader.bool() ? reader.raw(reader.varint(), "key").slice() : undefined;
  const value = reader.raw(reader.varint(), "value").slice();
  return { key, value };
}

const TRANSFORM_CODES: Readonly<Record<number, string>> = {
  [-11]: "it could not read its input",
  [-22]: "it could not read the records",
  [-33]: "it could not write its output",
  [-44]: "it could not read its parameters",
  [-55]: "it found no record to join with",
};
const INIT_CODES: Readonly<Record<number, string>> = {
  [-2]: "its init reported an error",
  [-10]: "its init could not read the parameters",
  [-11]: "its init could not write its error",
};
const LOOK_BACK_CODES: Readonly<Record<number, string>> = {
  [-66]: "its look_back could not read its input",
  [-77]: "its look_back could not read the records",
  [-88]: "its look_back could not write its error",
  [-99]: "its look_back reported an error",
};

/** A clause for a negative return code, for "SmartModule … failed: <clause>". */
export function codeClause(call: "transform" | "init" | "look_back", code: number): string {
  const table = call === "transform" ? TRANSFORM_CODES : call === "init" ? INIT_CODES : LOOK_BACK_CODES;
  return `${table[code] ?? "it gave no reason"} (code ${code})`;
}

/** The params structure of the ABI, which init gets and which transforms up to version 22 carry. */
export function encodeParams(
  params: ReadonlyMap<string, string>,
  lookback: Lookback | undefined,
  version: number,
): Uint8Array {
  const wireLookback =
    lookback === undefined
      ? undefined
      : { last: lookback.last, age: lookback.ageMs === undefined ? undefined : durationFromMs(lookback.ageMs) };
  return encode(SmartModuleExtraParams, { params, lookback: wireLookback }, version);
}

/** A module that cannot be used at all, whatever the records. */
export function invalid(name: string, reason: string, hint: string, cause?: unknown): Error {
  return flvError("FLV_SMARTMODULE_INVALID", `SmartModule "${name}" cannot be used: ${reason}`, {
    details: { module: name, reason },
    hint,
    ...(cause === undefined ? {} : { cause }),
  });
}
