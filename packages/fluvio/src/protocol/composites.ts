import { type AnyCodec, type Codec, type Flatten, type Infer, type InputOf, unknownTag } from "./codec.ts";
import { flvError } from "./errors.ts";

const MAP_ENTRIES_MAX = 0xffff;

/** `bool` + value when 1. Absent is `undefined`; encoding may leave the property out. */
export function optional<T, I>(inner: Codec<T, I>): Codec<T | undefined, I | undefined> {
  return {
    read: (r, version) => (r.bool() ? inner.read(r, version) : undefined),
    write: (w, value, version) => {
      w.bool(value !== undefined);
      if (value !== undefined) inner.write(w, value, version);
    },
    empty: () => undefined,
    shape: { kind: "optional", inner },
    omittable: true,
  };
}

/**
 * 32-bit count + items; a count below 1 is empty. Nothing is allocated ahead of the bytes that are there, and items
 * count against the reader's limit.
 */
export function array<T, I>(inner: Codec<T, I>): Codec<readonly T[], readonly I[]> {
  return {
    read: (r, version) => {
      const count = r.i32();
      const items: T[] = [];
      for (let i = 0; i < count; i++) {
        r.countItem();
        items.push(inner.read(r, version));
      }
      return items;
    },
    write: (w, value, version) => {
      w.i32(value.length);
      for (const item of value) inner.write(w, item, version);
    },
    empty: () => [],
    shape: { kind: "array", inner },
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
        r.countItem();
        const k = key.read(r, version);
        entries.set(k, value.read(r, version));
      }
      return entries;
    },
    write: (w, entries, version) => {
      if (entries.size > MAP_ENTRIES_MAX) {
        throw flvError("FLV_ENCODE", `a map of ${entries.size} entries is larger than ${MAP_ENTRIES_MAX}`);
      }
      w.i16(entries.size);
      for (const k of [...entries.keys()].sort(compareKeys)) {
        key.write(w, k, version);
        value.write(w, entries.get(k) as VI, version);
      }
    },
    empty: () => new Map(),
    shape: { kind: "map", key, value },
  };
}

/** Numbers by size; strings by their UTF-8 bytes, which is the order of code points. */
function compareKeys(a: string | number, b: string | number): number {
  if (typeof a === "number" || typeof b === "number") return Number(a) - Number(b);
  const left = [...a];
  const right = [...b];
  const shared = Math.min(left.length, right.length);
  for (let i = 0; i < shared; i++) {
    const difference = (left[i] as string).codePointAt(0)! - (right[i] as string).codePointAt(0)!;
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}

/** Zero bytes. */
export const nothing: Codec<Record<never, never>> = {
  read: () => ({}),
  write: () => {},
  empty: () => ({}),
  shape: { kind: "struct", fields: [] },
};

type AnyFields = Readonly<Record<string, AnyCodec>>;
type OmittableKeys<F extends AnyFields> = {
  [K in keyof F]: undefined extends InputOf<F[K]> ? K : F[K] extends { readonly versioned: true } ? K : never;
}[keyof F];
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
    shape: { kind: "struct", fields: entries },
  };
}

type Versioned<T, I> = Codec<T, I> & { readonly versioned: true };

/** A field that only versions `from` to `to` (inclusive) carry; others read its empty value. */
export function between<T, I>(from: number, to: number, inner: Codec<T, I>): Versioned<T, I> {
  const carried = (version: number) => version >= from && version <= to;
  return {
    read: (r, version) => (carried(version) ? inner.read(r, version) : inner.empty()),
    write: (w, value, version) => {
      if (carried(version)) inner.write(w, value, version);
    },
    empty: inner.empty,
    shape: { kind: "versioned", from, to, inner },
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
  const list = Object.entries(variants).map(([type, [tag, content]]) => ({ type, tag, content }));
  const byTag = new Map(list.map((variant) => [variant.tag, variant]));
  const byType = new Map(list.map((variant) => [variant.type, variant]));
  const first = list[0] as (typeof list)[number];
  return {
    read: (r, version) => {
      const tag = r.u8();
      const variant = byTag.get(tag);
      if (variant === undefined) throw unknownTag(name, tag, r.pos - 1);
      return { type: variant.type, ...variant.content.read(r, version) } as UnionOutput<V>;
    },
    write: (w, value, version) => {
      const variant = byType.get(value.type as string);
      if (variant === undefined) throw flvError("FLV_ENCODE", `"${String(value.type)}" is no ${name}`);
      w.u8(variant.tag);
      variant.content.write(w, value, version);
    },
    empty: () => ({ type: first.type, ...first.content.empty() }) as UnionOutput<V>,
    shape: { kind: "union", name, variants: list },
  };
}

/** The same layout, read as `value` by versions that do not carry the field. */
export function defaulting<T, I>(value: T, inner: Codec<T, I>): Codec<T, I> {
  return { ...inner, empty: () => value };
}

/** The same layout, seen as another type; `text` says how. */
export function mapped<T, I, U>(
  inner: Codec<T, I>,
  name: string,
  text: string,
  fromWire: (value: T) => U,
  toWire: (value: U) => I,
): Codec<U> {
  return {
    read: (r, version) => fromWire(inner.read(r, version)),
    write: (w, value, version) => inner.write(w, toWire(value), version),
    empty: () => fromWire(inner.empty()),
    shape: { kind: "special", name, text },
  };
}
