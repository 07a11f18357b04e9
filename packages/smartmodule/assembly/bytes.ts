import { i64Problem, readF64, readI64 } from "./abi/number";
import { operand, operandPtr, operandSize } from "./abi/operand";
import { find, same } from "./abi/search";
import { parse } from "./json-bridge";
import { decodeUtf8, toUnits, utf8Problem, utf8ValidUpTo } from "./abi/utf8";
import { fail } from "./failure";
import { checkJson } from "./json/check";
import { fieldAt, JsonField } from "./json/field";

/**
 * Bytes that are looked at where they lie: the value or key of a record, a part of one, or bytes of one's own. Nothing is
 * copied. Bytes of a record hold while it is looked at: what is to be kept longer needs {@link Bytes.copy}.
 *
 * Where a method takes bytes, it takes a text (its UTF-8), `Bytes`, `Uint8Array`, `ArrayBuffer` or `StaticArray<u8>`.
 */
@final
export class Bytes {
  /** Number of bytes. */
  readonly length: i32;
  /** Address of the first byte in the module's memory. */
  readonly ptr: usize;
  /** What the bytes belong to, so that it lives as long as they are looked at. */
  private readonly owner: ArrayBuffer | null;

  /** Looks at bytes of memory; {@link Bytes.of} is the safe way to have some. */
  constructor(ptr: usize, length: i32, owner: ArrayBuffer | null = null) {
    this.ptr = ptr;
    this.length = length;
    this.owner = owner;
  }

  /** Bytes of one's own: those of a text (UTF-8), of an array of bytes or, as JSON, of an object of a `@json` class. */
  static of<T>(value: T): Bytes {
    operand<T>(value);
    const buffer = new ArrayBuffer(operandSize);
    memory.copy(changetype<usize>(buffer), operandPtr, operandSize);
    return new Bytes(changetype<usize>(buffer), operandSize, buffer);
  }

  /** The byte at `index`, counted from 0; a trap outside the bytes, which ends the batch with an error. */
  // @ts-ignore: decorator
  @inline
  @operator("[]")
  private at(index: i32): u8 {
    if (<u32>index >= <u32>this.length) throw new RangeError("index out of range");
    return load<u8>(this.ptr + <usize>index);
  }

  /** The text; what is no UTF-8 becomes U+FFFD. See {@link Bytes.isUtf8}. */
  toString(): string {
    return decodeUtf8(this.ptr, this.length);
  }

  /** Whether the bytes are text in UTF-8. */
  get isUtf8(): bool {
    const end = this.ptr + <usize>this.length;
    return utf8ValidUpTo(this.ptr, end) === end;
  }

  /** What keeps the bytes from being text in UTF-8, and where, or null. */
  utf8Error(): string | null {
    return utf8Problem(this.ptr, this.ptr + <usize>this.length);
  }

  /**
   * The text, of bytes that have to be text: others report an error as `fail` does, and give an empty text.
   * {@link Bytes.toString} takes any bytes.
   */
  toText(): string {
    const problem = this.utf8Error();
    if (problem === null) return this.toString();
    fail<void>(problem);
    return "";
  }

  /** One character for each byte: equal for equal bytes, so that it serves as the key of a `Map` or `Set`. */
  toBinaryString(): string {
    return toUnits(this.ptr, this.length);
  }

  /** The whole number that the text is; another text reports an error as `fail` does, and gives 0. */
  toI64(): i64 {
    return readI64(this.ptr, this.length);
  }

  /** Whether the text is a whole number of 64 bits. */
  get isI64(): bool {
    return i64Problem(this.ptr, this.length) === null;
  }

  /**
   * The decimal number that the text is, with or without an exponent; NaN for another text. Up to 15 digits it is exact, with
   * more the last binary digits may differ.
   */
  toF64(): f64 {
    return readF64(this.ptr, this.length);
  }

  /** Whether both are the same bytes. */
  // @ts-ignore: decorator
  @inline
  equals<T>(other: T): bool {
    operand<T>(other);
    return this.length === operandSize && same(this.ptr, operandPtr, operandSize);
  }

  /** Whether `part` is in it; found by a scan of the bytes. */
  // @ts-ignore: decorator
  @inline
  includes<T>(part: T): bool {
    operand<T>(part);
    return operandSize === 0 || find(this.ptr, this.length, operandPtr, operandSize) !== 0;
  }

  /** Where `part` begins first at or behind `from`, or -1. */
  // @ts-ignore: decorator
  @inline
  indexOf<T>(part: T, from: i32 = 0): i32 {
    operand<T>(part);
    const start = min(max(from, 0), this.length);
    if (operandSize === 0) return start;
    const place = find(this.ptr + start, this.length - start, operandPtr, operandSize);
    return place === 0 ? -1 : <i32>(place - this.ptr);
  }

  /** Where `part` begins last, or -1. */
  lastIndexOf<T>(part: T): i32 {
    operand<T>(part);
    for (let place = this.length - operandSize; place >= 0; place--) {
      if (same(this.ptr + place, operandPtr, operandSize)) return place;
    }
    return -1;
  }

  /** Whether it begins with `part`. */
  // @ts-ignore: decorator
  @inline
  startsWith<T>(part: T): bool {
    operand<T>(part);
    return operandSize <= this.length && same(this.ptr, operandPtr, operandSize);
  }

  /** Whether it ends with `part`. */
  // @ts-ignore: decorator
  @inline
  endsWith<T>(part: T): bool {
    operand<T>(part);
    return operandSize <= this.length && same(this.ptr + this.length - operandSize, operandPtr, operandSize);
  }

  /** The bytes from `start` to before `end`, not copied; negative places count from the end. */
  slice(start: i32 = 0, end: i32 = i32.MAX_VALUE): Bytes {
    const from = start < 0 ? max(this.length + start, 0) : min(start, this.length);
    const to = end < 0 ? max(this.length + end, 0) : min(end, this.length);
    return new Bytes(this.ptr + from, max(to - from, 0), this.owner);
  }

  /** The bytes without white space of ASCII around them, not copied. */
  trim(): Bytes {
    let from = 0;
    let to = this.length;
    while (from < to && isSpace(load<u8>(this.ptr + from))) from++;
    while (to > from && isSpace(load<u8>(this.ptr + to - 1))) to--;
    return new Bytes(this.ptr + from, to - from, this.owner);
  }

  /** The same bytes, copied: they hold for as long as they are kept. */
  copy(): Bytes {
    return Bytes.of<Bytes>(this);
  }

  /**
   * What is at a path in JSON, such as `order.items[0].price`, found without parsing the rest. The path is a text or, to
   * be read only once, a `JsonPath`.
   */
  jsonField<T>(path: T): JsonField {
    return fieldAt<T>(this.ptr, this.length, this.owner, path);
  }

  /** What keeps the bytes from being JSON, and where, or null. */
  jsonError(): string | null {
    const problem = checkJson(this.ptr, this.length);
    return problem.length === 0 ? null : problem;
  }

  /**
   * What the bytes describe as JSON: an object of a class marked `@json` (json-as), an array or `Map` of such. What is no
   * JSON reports an error as `fail` does, and gives an object as it is when it is new. Members that are missing, or of
   * another type, keep the values of a new object.
   */
  json<T>(): T {
    return parse<T>(this.toString(), this.ptr, this.length);
  }

  /** A copy as `Uint8Array`. */
  toUint8Array(): Uint8Array {
    const array = new Uint8Array(this.length);
    memory.copy(array.dataStart, this.ptr, this.length);
    return array;
  }
}

function isSpace(byte: u8): bool {
  return byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);
}

/** Lets existing bytes look elsewhere; for the views that a record keeps. */
// @ts-ignore: decorator
@inline
export function pointAt(bytes: Bytes, ptr: usize, length: i32): void {
  store<usize>(changetype<usize>(bytes), ptr, offsetof<Bytes>("ptr"));
  store<i32>(changetype<usize>(bytes), length, offsetof<Bytes>("length"));
}
