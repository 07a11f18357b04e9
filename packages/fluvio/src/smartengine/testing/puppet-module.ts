import type { SmartModuleKind } from "../index.ts";

/** Where the value of a record without a key lies in an input, when its length takes two bytes. */
const VALUE_AT = 24;
const PAYLOAD_AT = VALUE_AT + 12;
/** The shortest length of a value that takes two bytes, and the longest. */
const VALUE_BYTES_MIN = 64;
const VALUE_BYTES_MAX = 8000;

/** What a puppet does when it is called. */
export interface Strings {
  /** Its result. */
  readonly code?: number;
  /** Address that it names as its output; by default that of `output`. */
  readonly address?: number;
  /** Length that it names; by default that of `output`. */
  readonly length?: number;
  readonly output: Uint8Array;
}

/** A value that makes a puppet do as it is told, as the first record of a batch, without a key. */
export function pull({ code = 0, address = 0, length, output }: Strings): Uint8Array {
  if (output.length > VALUE_BYTES_MAX) throw new RangeError(`an output of ${output.length} bytes is too long`);
  const value = new Uint8Array(Math.max(12 + output.length, VALUE_BYTES_MIN));
  const view = new DataView(value.buffer);
  view.setInt32(0, code, true);
  view.setInt32(4, address, true);
  view.setInt32(8, length ?? output.length, true);
  value.set(output, 12);
  return value;
}

/** A module of any kind, in bytes, that answers whatever its first record says. */
export function puppetModule(kind: SmartModuleKind): Uint8Array<ArrayBuffer> {
  const [i32, end] = [0x7f, 0x0b];
  const param = (index: number) => [0x20, index];
  const load = (at: number) => [...param(0), 0x28, 0, at];
  const number = (value: number) => [0x41, ...leb(value)];
  const alloc = [0, ...number(1024), end];
  const transform = [
    0,
    ...load(VALUE_AT + 4),
    ...param(0),
    ...number(PAYLOAD_AT),
    0x6a,
    ...load(VALUE_AT + 4),
    0x1b,
    ...load(VALUE_AT + 8),
    0x10,
    0,
    ...load(VALUE_AT),
    end,
  ];
  const text = (value: string) => [value.length, ...new TextEncoder().encode(value)];
  const section = (id: number, body: readonly number[]) => [id, ...leb(body.length), ...body];
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [3, 0x60, 2, i32, i32, 0, 0x60, 1, i32, 1, i32, 0x60, 3, i32, i32, i32, 1, i32]),
    ...section(2, [1, ...text("env"), ...text("copy_records"), 0, 0]),
    ...section(3, [2, 1, 2]),
    ...section(5, [1, 0, 4]),
    ...section(7, [3, ...text("memory"), 2, 0, ...text("alloc"), 0, 1, ...text(kind), 0, 2]),
    ...section(10, [2, alloc.length, ...alloc, transform.length, ...transform]),
  ]);
}

/** Signed LEB128 of a number that is not negative. */
function leb(value: number): number[] {
  const out: number[] = [];
  let rest = value;
  while (rest >= 0x40) {
    out.push((rest & 0x7f) | 0x80);
    rest >>= 7;
  }
  return [...out, rest];
}
