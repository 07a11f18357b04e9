import { type Codec, type Shape, unknownTag } from "./codec.ts";
import type { Reader, Writer } from "./cursor.ts";
import { flvError } from "./errors.ts";

const EMPTY_BYTES = new Uint8Array(0);

function primitive<T>(shape: Shape, empty: T, read: (r: Reader) => T, write: (w: Writer, value: T) => void): Codec<T> {
  return { read, write, empty: () => empty, shape };
}

/** A fixed-width integer; encoding refuses what would wrap around. */
function integer(
  name: string,
  min: number,
  max: number,
  read: (r: Reader) => number,
  write: (w: Writer, value: number) => void,
): Codec<number> {
  return primitive({ kind: "integer", name, min, max }, 0, read, (w, value) => {
    if (!Number.isInteger(value) || value < min || value > max) {
      throw flvError("FLV_INT_RANGE", `${value} is no ${name} (${min} to ${max})`, { details: { value, min, max } });
    }
    write(w, value);
  });
}

const writeU8 = (w: Writer, value: number) => w.u8(value);
const writeI16 = (w: Writer, value: number) => w.i16(value);
const writeI32 = (w: Writer, value: number) => w.i32(value);
const writeI64 = (w: Writer, value: number) => w.i64(value);

export const u8 = integer("u8", 0, 0xff, (r) => r.u8(), writeU8);
export const i8 = integer("i8", -0x80, 0x7f, (r) => r.i8(), writeU8);
export const u16 = integer("u16", 0, 0xffff, (r) => r.u16(), writeI16);
export const i16 = integer("i16", -0x8000, 0x7fff, (r) => r.i16(), writeI16);
export const u32 = integer("u32", 0, 0xffffffff, (r) => r.u32(), writeI32);
export const i32 = integer("i32", -0x80000000, 0x7fffffff, (r) => r.i32(), writeI32);
export const u64 = integer("u64", 0, Number.MAX_SAFE_INTEGER, (r) => r.u64(), writeI64);
export const i64 = integer("i64", Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, (r) => r.i64(), writeI64);
/** Zig-zag LEB128; peers misread what is outside 32 bits, so that is not written. */
export const varint = integer(
  "varint",
  -0x80000000,
  0x7fffffff,
  (r) => r.varint(),
  (w, value) => w.varint(value),
);

export const bool = primitive<boolean>(
  { kind: "bool" },
  false,
  (r) => r.bool(),
  (w, value) => w.bool(value),
);
export const string = primitive<string>(
  { kind: "string" },
  "",
  (r) => r.string(),
  (w, value) => w.string(value),
);

/** 32-bit length + raw bytes; decoding gives a view into the frame. */
export const bytes = primitive<Uint8Array>(
  { kind: "bytes", name: "bytes" },
  EMPTY_BYTES,
  (r) => r.raw(Math.max(0, r.i32())),
  (w, value) => {
    w.i32(value.length);
    w.raw(value);
  },
);

/** Varint length + raw bytes (record keys and values). */
export const recordData = primitive<Uint8Array>(
  { kind: "bytes", name: "rdata" },
  EMPTY_BYTES,
  (r) => r.raw(r.varint()),
  (w, value) => {
    w.varint(value.length);
    w.raw(value);
  },
);

/**
 * Batches back to back behind a 32-bit byte length. Encoding takes one byte string or a list that is written in order,
 * uncopied; decoding gives one view.
 */
export const recordSet: Codec<Uint8Array, Uint8Array | readonly Uint8Array[]> = {
  read: (r) => r.raw(Math.max(0, r.i32()), "record set"),
  write: (w, value) => {
    const prefix = w.lengthPrefix();
    if (value instanceof Uint8Array) w.raw(value);
    else for (const batch of value) w.raw(batch);
    w.endLength(prefix);
  },
  empty: () => EMPTY_BYTES,
  shape: { kind: "bytes", name: "RecordSet" },
};

/** A u8 tag that stands for one of `values`, by position. */
export function enumeration<const N extends readonly string[]>(name: string, ...values: N): Codec<N[number]> {
  return primitive<N[number]>(
    { kind: "enumeration", name, values },
    values[0] as N[number],
    (r) => {
      const tag = r.u8();
      const found = values[tag];
      if (found === undefined) throw unknownTag(name, tag, r.pos - 1, values.length);
      return found;
    },
    (w, value) => {
      const tag = values.indexOf(value);
      if (tag < 0) throw flvError("FLV_ENCODE", `"${value}" is no ${name}: one of ${values.join(", ")}`);
      w.u8(tag);
    },
  );
}
