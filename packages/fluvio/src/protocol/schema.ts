import { Reader, Writer } from "./cursor.ts";
import { flvError } from "./errors.ts";

/**
 * The layout of a value on the wire, declared once: the TypeScript types, encoding, decoding and the page in
 * docs/PROTOCOL.md derive from it. `T` is what decoding gives, `I` what encoding takes.
 */
export interface Codec<T, I = T> {
  read(reader: Reader, version: number): T;
  write(writer: Writer, value: I, version: number): void;
  /** What a reader sees for a field that its version does not carry. */
  readonly empty: () => T;
  /** The layout in the notation of docs/PROTOCOL.md, one line. */
  readonly layout: string;
  /** Fields of a struct, for the documentation. */
  readonly fields?: readonly { readonly name: string; readonly layout: string }[];
  /** True when encoding may leave the property out. */
  readonly omittable?: boolean;
  /** Only to carry the types. */
  readonly _types?: (input: I) => T;
}

// biome-ignore lint/suspicious/noExplicitAny: the bound of a generic parameter; every use infers the real types
type AnyCodec = Codec<any, any>;
/** What decoding gives. */
export type Infer<C extends AnyCodec> = C extends Codec<infer T, infer _I> ? T : never;
/** What encoding takes: as {@link Infer}, but optional and versioned fields may be left out. */
export type InputOf<C extends AnyCodec> = C extends Codec<infer _T, infer I> ? I : never;

const primitive = <T>(
  layout: string,
  empty: T,
  read: (r: Reader) => T,
  write: (w: Writer, v: T) => void,
): Codec<T> => ({
  read,
  write,
  empty: () => empty,
  layout,
});

/** A fixed-width integer; encoding refuses what would wrap around. */
const integer = (
  layout: string,
  min: number,
  max: number,
  read: (r: Reader) => number,
  write: (w: Writer, v: number) => void,
): Codec<number> =>
  primitive(layout, 0, read, (w, v) => {
    if (!Number.isInteger(v) || v < min || v > max) {
      throw flvError("FLV_INT_RANGE", `${v} is no ${layout} (${min} to ${max})`, { details: { value: v, min, max } });
    }
    write(w, v);
  });

export const u8 = integer("u8", 0, 0xff, readU8, writeU8);
export const i8 = integer("i8", -0x80, 0x7f, (r) => r.i8(), writeU8);
export const u16 = integer("u16", 0, 0xffff, (r) => r.u16(), writeI16);
export const i16 = integer("i16", -0x8000, 0x7fff, (r) => r.i16(), writeI16);
export const u32 = integer("u32", 0, 0xffffffff, (r) => r.u32(), writeI32);
export const i32 = integer("i32", -0x80000000, 0x7fffffff, (r) => r.i32(), writeI32);
export const u64 = integer("u64", 0, Number.MAX_SAFE_INTEGER, (r) => r.u64(), writeI64);
export const i64 = integer("i64", Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, (r) => r.i64(), writeI64);
export const bool = primitive(
  "bool",
  false,
  (r) => r.bool(),
  (w, v) => w.bool(v),
);

function readU8(r: Reader): number {
  return r.u8();
}
function writeU8(w: Writer, value: number): void {
  w.u8(value);
}
function writeI16(w: Writer, value: number): void {
  w.i16(value);
}
function writeI32(w: Writer, value: number): void {
  w.i32(value);
}
function writeI64(w: Writer, value: number): void {
  w.i64(value);
}

export const string = primitive(
  "str",
  "",
  (r) => r.string(),
  (w, v) => w.string(v),
);

const EMPTY_BYTES = new Uint8Array(0);

/** 32-bit length + raw bytes; decoding gives a view into the frame. */
export const bytes = primitive<Uint8Array>(
  "bytes",
  EMPTY_BYTES,
  (r) => r.raw(Math.max(0, r.i32())),
  (w, v) => {
    w.i32(v.length);
    w.raw(v);
  },
);

/** Varint length + raw bytes (record keys and values). */
export const recordData = primitive<Uint8Array>(
  "rdata",
  EMPTY_BYTES,
  (r) => r.raw(r.varint()),
  (w, v) => {
    w.varint(v.length);
    w.raw(v);
  },
);

/**
 * Batches back to back behind a 32-bit byte length. Encoding takes one byte string or a list that is written in order,
 * uncopied; decoding gives one view.
 */
export const recordSet: Codec<Uint8Array, Uint8Array | readonly Uint8Array[]> = {
  read: (r) => r.raw(Math.max(0, r.i32()), "record set"),
  write: (w, v) => {
    const prefix = w.lengthPrefix();
    if (v instanceof Uint8Array) w.raw(v);
    else for (const batch of v) w.raw(batch);
    w.endLength(prefix);
  },
  empty: () => EMPTY_BYTES,
  layout: "RecordSet",
};

/** `bool` + value when 1. Absent is `undefined`; encoding may leave the property out. */
export function optional<T, I>(inner: Codec<T, I>): Codec<T | undefined, I | undefined> {
  return {
    read: (r, version) => (r.bool() ? inner.read(r, version) : undefined),
    write: (w, value, version) => {
      w.bool(value !== undefined);
      if (value !== undefined) inner.write(w, value, version);
    },
    empty: () => undefined,
    layout: `opt<${inner.layout}>`,
    omittable: true,
  };
}

/** 32-bit count + items; a count below 1 is empty. No allocation ahead of the bytes that are there. */
export function array<T, I>(inner: Codec<T, I>): Codec<readonly T[], readonly I[]> {
  return {
    read: (r, version) => {
      const count = r.i32();
      const items: T[] = [];
      for (let i = 0; i < count; i++) {
        const before = r.pos;
        items.push(inner.read(r, version));
        if (r.pos === before && count > 65536) {
          throw flvError("FLV_DECODE", `${count} items of zero bytes at byte ${before}`);
        }
      }
      return items;
    },
    write: (w, value, version) => {
      w.i32(value.length);
      for (const item of value) inner.write(w, item, version);
    },
    empty: () => [],
    layout: `vec<${inner.layout}>`,
  };
}

/** 16-bit count + key, value pairs, written in ascending key order; of duplicate keys the last wins. */
export function map<K extends string | number, V, VI>(
  key: Codec<K>,
  value: Codec<V, VI>,
): Codec<ReadonlyMap<K, V>, ReadonlyMap<K, VI>> {
  return {
    read: (r, version) => {
      const count = r.u16();
      const entries = new Map<K, V>();
      for (let i = 0; i < count; i++) {
        const k = key.read(r, version);
        entries.set(k, value.read(r, version));
      }
      return entries;
    },
    write: (w, entries, version) => {
      if (entries.size > 0xffff) throw flvError("FLV_ENCODE", `a map of ${entries.size} entries is larger than 65535`);
      w.i16(entries.size);
      for (const k of [...entries.keys()].sort(compareKeys)) {
        key.write(w, k, version);
        value.write(w, entries.get(k) as VI, version);
      }
    },
    empty: () => new Map(),
    layout: `map<${key.layout},${value.layout}>`,
  };
}

const UTF8 = new TextEncoder();
function compareKeys(a: string | number, b: string | number): number {
  if (typeof a === "number" || typeof b === "number") return Number(a) - Number(b);
  const left = UTF8.encode(a);
  const right = UTF8.encode(b);
  const shared = Math.min(left.length, right.length);
  for (let i = 0; i < shared; i++) {
    const difference = (left[i] as number) - (right[i] as number);
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}

/** A u8 tag that stands for one of `names`, by position. */
export function enumeration<const N extends readonly string[]>(name: string, ...names: N): Codec<N[number]> {
  return {
    read: (r) => {
      const tag = r.u8();
      const found = names[tag];
      if (found === undefined) throw unknownTag(name, tag, r.pos - 1, names.length);
      return found as N[number];
    },
    write: (w, value) => {
      const tag = names.indexOf(value);
      if (tag < 0) throw flvError("FLV_ENCODE", `"${value}" is no ${name}: one of ${names.join(", ")}`);
      w.u8(tag);
    },
    empty: () => names[0] as N[number],
    layout: `u8 ${name} (${names.map((n, i) => `${i} ${n}`).join(", ")})`,
  };
}

export function unknownTag(name: string, tag: number | string, position: number, count?: number): Error {
  const range = count === undefined ? "" : ` (known: 0 to ${count - 1})`;
  return flvError("FLV_DECODE", `unknown ${name} ${tag} at byte ${position}${range}`, { details: { tag, position } });
}

/** Zero bytes. */
export const nothing: Codec<Record<never, never>> = {
  read: () => ({}),
  write: () => {},
  empty: () => ({}),
  layout: "–",
};

type AnyFields = Readonly<Record<string, AnyCodec>>;
type OmittableKeys<F extends AnyFields> = {
  [K in keyof F]: undefined extends InputOf<F[K]> ? K : F[K] extends { readonly versioned: true } ? K : never;
}[keyof F];
type Flatten<T> = { readonly [K in keyof T]: T[K] };
type StructOutput<F extends AnyFields> = Flatten<{ [K in keyof F]: Infer<F[K]> }>;
type StructInput<F extends AnyFields> = Flatten<
  { [K in Exclude<keyof F, OmittableKeys<F>>]: InputOf<F[K]> } & {
    [K in OmittableKeys<F>]?: InputOf<F[K]> | undefined;
  }
>;

/** Fields in declaration order; no tags, no padding. */
export function struct<const F extends AnyFields>(fields: F): Codec<StructOutput<F>, StructInput<F>> {
  const entries = Object.entries(fields) as [string, AnyCodec][];
  return {
    read: (r, version) => {
      const value: Record<string, unknown> = {};
      for (const [name, codec] of entries) value[name] = codec.read(r, version);
      return value as StructOutput<F>;
    },
    write: (w, value, version) => {
      const record = value as Record<string, unknown>;
      for (const [name, codec] of entries) {
        const field = record[name];
        codec.write(w, field === undefined && !codec.omittable ? codec.empty() : field, version);
      }
    },
    empty: () => Object.fromEntries(entries.map(([name, codec]) => [name, codec.empty()])) as StructOutput<F>,
    layout: `{${entries.map(([name, codec]) => `${name}: ${codec.layout}`).join(", ")}}`,
    fields: entries.map(([name, codec]) => ({ name, layout: codec.layout })),
  };
}

type Versioned<T, I> = Codec<T, I> & { readonly versioned: true };

/** A field that only versions `from` to `to` (inclusive) carry; others read its empty value. */
export function between<T, I>(from: number, to: number, inner: Codec<T, I>): Versioned<T, I> {
  const carried = (version: number) => version >= from && version <= to;
  const range = to === Number.POSITIVE_INFINITY ? `≥${from}` : `${from}–${to}`;
  return {
    read: (r, version) => (carried(version) ? inner.read(r, version) : inner.empty()),
    write: (w, value, version) => {
      if (carried(version)) inner.write(w, value, version);
    },
    empty: inner.empty,
    layout: `${inner.layout} (${range})`,
    ...(inner.omittable === undefined ? {} : { omittable: inner.omittable }),
    versioned: true,
  };
}

/** A field that versions from `from` on carry. */
export function since<T, I>(from: number, inner: Codec<T, I>): Versioned<T, I> {
  return between(from, Number.POSITIVE_INFINITY, inner);
}

type AnyVariants = Readonly<Record<string, readonly [tag: number, content: AnyCodec]>>;
type UnionOutput<V extends AnyVariants> = {
  [K in keyof V]: Flatten<{ type: K } & Infer<V[K][1]>>;
}[keyof V];
type UnionInput<V extends AnyVariants> = {
  [K in keyof V]: Flatten<{ type: K } & InputOf<V[K][1]>>;
}[keyof V];

/**
 * A u8 tag, then the struct of that variant. Values are `{ type, ...fields }`.
 * Version bounds on variants do not exist in this protocol.
 */
export function union<const V extends AnyVariants>(name: string, variants: V): Codec<UnionOutput<V>, UnionInput<V>> {
  const byTag = new Map<number, [string, AnyCodec]>();
  for (const [type, [tag, codec]] of Object.entries(variants)) byTag.set(tag, [type, codec]);
  const first = Object.entries(variants)[0] as [string, readonly [number, AnyCodec]];
  return {
    read: (r, version) => {
      const tag = r.u8();
      const variant = byTag.get(tag);
      if (variant === undefined) throw unknownTag(name, tag, r.pos - 1);
      return { type: variant[0], ...variant[1].read(r, version) } as UnionOutput<V>;
    },
    write: (w, value, version) => {
      const variant = variants[value.type as string];
      if (variant === undefined) throw flvError("FLV_ENCODE", `"${String(value.type)}" is no ${name}`);
      w.u8(variant[0]);
      variant[1].write(w, value, version);
    },
    empty: () => ({ type: first[0], ...first[1][1].empty() }) as UnionOutput<V>,
    layout: `${name} (${Object.entries(variants)
      .map(([type, [tag, codec]]) => `${tag} ${type} ${codec.layout}`)
      .join("; ")})`,
  };
}

/** The same layout, read as `value` by versions that do not carry the field. */
export function defaulting<T, I>(value: T, inner: Codec<T, I>): Codec<T, I> {
  return { ...inner, empty: () => value };
}

/** The same layout, seen as another type. */
export function mapped<T, I, U>(
  inner: Codec<T, I>,
  layout: string,
  fromWire: (value: T) => U,
  toWire: (value: U) => I,
): Codec<U> {
  return {
    read: (r, version) => fromWire(inner.read(r, version)),
    write: (w, value, version) => inner.write(w, toWire(value), version),
    empty: () => fromWire(inner.empty()),
    layout,
  };
}

/** Decodes a whole value; bytes left over are ignored, as the original does. */
export function decode<T, I>(codec: Codec<T, I>, frame: Uint8Array, version: number): T {
  return codec.read(new Reader(frame), version);
}

/** Encodes to one byte string. */
export function encode<T, I>(codec: Codec<T, I>, value: I, version: number): Uint8Array {
  const writer = new Writer();
  codec.write(writer, value, version);
  return writer.finishBytes();
}
