import { Buffer } from "../abi/buffer";
import { operand, operandPtr, operandSize } from "../abi/operand";
import { Bytes } from "../bytes";
import { foundEnd, foundStart, JsonPath, pathOf } from "./path";
import { findStringEnd, skipSpace, skipValue } from "./scan";
import { compactTo, escape, hasEscapes, unescape } from "./text";

const QUOTE: u8 = 0x22;
const COMMA: u8 = 0x2c;
const OPEN_BRACKET: u8 = 0x5b;
const OPEN_BRACE: u8 = 0x7b;

/** What a {@link JsonField} is. */
export enum JsonType {
  /** There is nothing at the path. */
  Missing,
  Null,
  Boolean,
  Number,
  String,
  Array,
  Object,
}

const scratch = new Buffer();

/**
 * A part of a JSON text, found without parsing the rest: `record.value.jsonField("order.items[0].price")`. It is a view, as
 * {@link Bytes} are: nothing is copied. What lies beside the path is not checked; {@link Bytes.jsonError} checks all. Of
 * several members of one name it is the last, as parsers have it.
 */
@final
export class JsonField {
  /** The JSON as it stands there; of a string with its quotes, of a missing field nothing. */
  readonly raw: Bytes;

  constructor(raw: Bytes) {
    this.raw = raw;
  }

  /** What it is. */
  get type(): JsonType {
    if (this.raw.length === 0) return JsonType.Missing;
    const first = load<u8>(this.raw.ptr);
    if (first === QUOTE) return JsonType.String;
    if (first === OPEN_BRACE) return JsonType.Object;
    if (first === OPEN_BRACKET) return JsonType.Array;
    if (first === 0x74 || first === 0x66) return JsonType.Boolean;
    return first === 0x6e ? JsonType.Null : JsonType.Number;
  }

  /** Whether there is something at the path; null counts. */
  get exists(): bool {
    return this.raw.length > 0;
  }

  get isString(): bool {
    return this.type === JsonType.String;
  }

  get isNumber(): bool {
    return this.type === JsonType.Number;
  }

  get isNull(): bool {
    return this.type === JsonType.Null;
  }

  /** The text of a string as UTF-8, without quotes and escapes; of anything else the JSON. Only escapes make a copy. */
  get text(): Bytes {
    if (!this.isString) return this.raw;
    const content = this.raw.slice(1, max(1, this.raw.length - 1));
    if (!hasEscapes(content.ptr, content.length)) return content;
    scratch.size = 0;
    unescape(content.ptr, content.length, scratch);
    return new Bytes(scratch.ptr, <i32>scratch.size).copy();
  }

  /** The text of a string; of anything else the JSON; of a missing field an empty text. */
  toString(): string {
    return this.text.toString();
  }

  /** The JSON without white space between its parts, copied. */
  compact(): Bytes {
    scratch.size = 0;
    compactTo(this.raw.ptr, this.raw.length, scratch);
    return new Bytes(scratch.ptr, <i32>scratch.size).copy();
  }

  /** The number, also of a string that is one; NaN when it is none. */
  toF64(): f64 {
    const text = this.text;
    return text.length === 0 ? NaN : text.toF64();
  }

  /** The whole number; anything else reports an error as `fail` does, and gives 0. */
  toI64(): i64 {
    return this.text.toI64();
  }

  /** Whether it is `true`. */
  toBool(): bool {
    return this.raw.equals("true");
  }

  /** Whether it is a string of exactly this text, or, for anything else, whether it stands there as this text. */
  equals<T>(text: T): bool {
    return this.text.equals<T>(text);
  }

  /** What is at a path from here. */
  at<T>(path: T): JsonField {
    return fieldAt<T>(this.raw.ptr, this.raw.length, path);
  }

  /** The elements of an array, in order; of anything else none. */
  elements(): JsonField[] {
    const found: JsonField[] = [];
    const end = this.raw.ptr + <usize>this.raw.length;
    let at = this.raw.ptr;
    if (this.type !== JsonType.Array) return found;
    at = skipSpace(at + 1, end);
    while (at + 1 < end) {
      const next = skipValue(at, end);
      if (next === at) break;
      found.push(new JsonField(this.part(at, next)));
      at = skipSpace(next, end);
      if (at >= end || load<u8>(at) !== COMMA) break;
      at = skipSpace(at + 1, end);
    }
    return found;
  }

  /** The members of an object, in order; of anything else none. */
  members(): JsonMember[] {
    const found: JsonMember[] = [];
    const end = this.raw.ptr + <usize>this.raw.length;
    if (this.type !== JsonType.Object) return found;
    let at = skipSpace(this.raw.ptr + 1, end);
    while (at < end && load<u8>(at) === QUOTE) {
      const keyEnd = min(findStringEnd(at + 1, end) + 1, end);
      const valueStart = skipSpace(skipSpace(keyEnd, end) + 1, end);
      const valueEnd = skipValue(min(valueStart, end), end);
      found.push(new JsonMember(new JsonField(this.part(at, keyEnd)), new JsonField(this.part(valueStart, valueEnd))));
      at = skipSpace(valueEnd, end);
      if (at >= end || load<u8>(at) !== COMMA) break;
      at = skipSpace(at + 1, end);
    }
    return found;
  }

  private part(from: usize, to: usize): Bytes {
    const start = <i32>(from - this.raw.ptr);
    return this.raw.slice(start, max(start, <i32>(to - this.raw.ptr)));
  }
}

/** A member of a JSON object. */
@final
export class JsonMember {
  /** Its name, a string of JSON. */
  readonly key: JsonField;
  readonly value: JsonField;

  constructor(key: JsonField, value: JsonField) {
    this.key = key;
    this.value = value;
  }
}

/** What is at a path, a text or {@link JsonPath}, of JSON. */
export function fieldAt<T>(ptr: usize, size: i32, path: T): JsonField {
  const way = path instanceof JsonPath ? changetype<JsonPath>(path) : pathOf(changetype<string>(path));
  way.find(ptr, size);
  return new JsonField(new Bytes(foundStart, <i32>(foundEnd - foundStart)));
}

/** A text or bytes of UTF-8 as a string of JSON, quotes included. */
export function jsonQuote<T>(text: T): Bytes {
  operand<T>(text);
  scratch.size = 0;
  escape(operandPtr, operandSize, scratch);
  return new Bytes(scratch.ptr, <i32>scratch.size).copy();
}
