import { Reader, Writer } from "./cursor.ts";
import { flvError } from "./errors.ts";

/**
 * The layout of a value on the wire, declared once: the TypeScript types, encoding, decoding and docs/PROTOCOL.md derive
 * from it. `T` is what decoding gives, `I` what encoding takes.
 */
export interface Codec<T, I = T> {
  read(reader: Reader, version: number): T;
  write(writer: Writer, value: I, version: number): void;
  /** What a reader sees for a field that its version does not carry. */
  readonly empty: () => T;
  /** The layout as data. */
  readonly shape: Shape;
  /** True when encoding may leave the property out. */
  readonly omittable?: boolean;
  /** Only to carry the types. */
  readonly _types?: (input: I) => T;
}

// biome-ignore lint/suspicious/noExplicitAny: the bound of a generic parameter; every use infers the real types
export type AnyCodec = Codec<any, any>;
/** What decoding gives. */
export type Infer<C extends AnyCodec> = C extends Codec<infer T, infer _I> ? T : never;
/** What encoding takes: as {@link Infer}, but optional and versioned fields may be left out. */
export type InputOf<C extends AnyCodec> = C extends Codec<infer _T, infer I> ? I : never;
/** An object type written out, for readable hovers. */
export type Flatten<T> = { readonly [K in keyof T]: T[K] };

/** What a codec is made of: for documentation, and for tests that make values of it. */
export type Shape =
  | { readonly kind: "integer"; readonly name: string; readonly min: number; readonly max: number }
  | { readonly kind: "bool" }
  | { readonly kind: "string" }
  | { readonly kind: "bytes"; readonly name: "bytes" | "rdata" | "RecordSet" }
  | { readonly kind: "optional"; readonly inner: AnyCodec }
  | { readonly kind: "array"; readonly inner: AnyCodec }
  | { readonly kind: "map"; readonly key: AnyCodec; readonly value: AnyCodec }
  | { readonly kind: "enumeration"; readonly name: string; readonly values: readonly string[] }
  | { readonly kind: "struct"; readonly fields: readonly (readonly [name: string, codec: AnyCodec])[] }
  /** Only versions `from` to `to`, inclusive, carry it. */
  | { readonly kind: "versioned"; readonly from: number; readonly to: number; readonly inner: AnyCodec }
  | {
      readonly kind: "union";
      readonly name: string;
      readonly variants: readonly { readonly type: string; readonly tag: number; readonly content: AnyCodec }[];
    }
  | { readonly kind: "labelled"; readonly name: string; readonly bodies: Readonly<Record<string, AnyCodec>> }
  /** Written by hand; `text` is its layout in words. */
  | { readonly kind: "special"; readonly name: string; readonly text: string };

/** Decodes a whole value; bytes left over are ignored, as the original does. @throws FLV_DECODE | FLV_INT_RANGE */
export function decode<T, I>(codec: Codec<T, I>, frame: Uint8Array, version: number): T {
  return codec.read(new Reader(frame), version);
}

/** Encodes to one byte string. @throws FLV_ENCODE | FLV_INT_RANGE */
export function encode<T, I>(codec: Codec<T, I>, value: I, version: number): Uint8Array {
  const writer = new Writer();
  codec.write(writer, value, version);
  return writer.finishBytes();
}

/** The error of a tag that stands for nothing. */
export function unknownTag(name: string, tag: number | string, position: number, count?: number): Error {
  const range = count === undefined ? "" : ` (known: 0 to ${count - 1})`;
  return flvError("FLV_DECODE", `unknown ${name} ${tag} at byte ${position}${range}`, { details: { tag, position } });
}
