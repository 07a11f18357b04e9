import { Buffer } from "../abi/buffer";
import { readF64, readI64 } from "../abi/number";
import { operand, operandPtr, operandSize } from "../abi/operand";
import { same } from "../abi/search";
import { decodeUtf8 } from "../abi/utf8";
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

/** The word true, the lowest byte first. */
const TRUE: u32 = 0x65757274;

const scratch = new Buffer();
/** The text that was read last. */
let textPtr: usize = 0;
let textSize: i32 = 0;

/**
 * A part of a JSON text, found without parsing the rest: `record.value.jsonField("order.items[0].price")`. It is a view, as
 * {@link Bytes} are: nothing is copied. What lies beside the path is not checked; {@link Bytes.jsonError} checks all. Of
 * several members of one name it is the last, as parsers have it.
 */
@final
export class JsonField {
  private readonly ptr: usize;
  private readonly size: i32;
  /** What the JSON belongs to, so that it lives as long as it is looked at. */
  private readonly owner: ArrayBuffer | null;

  /** Made by `jsonField`. */
  constructor(ptr: usize, size: i32, owner: ArrayBuffer | null) {
    this.ptr = ptr;
    this.size = size;
    this.owner = owner;
  }

  /** The JSON as it stands there; of a string with its quotes, of a missing field nothing. */
  get raw(): Bytes {
    return new Bytes(this.ptr, this.size, this.owner);
  }

  /** What it is. */
  get type(): JsonType {
    if (this.size === 0) return JsonType.Missing;
    const first = load<u8>(this.ptr);
    if (first === QUOTE) return JsonType.String;
    if (first === OPEN_BRACE) return JsonType.Object;
    if (first === OPEN_BRACKET) return JsonType.Array;
    if (first === 0x74 || first === 0x66) return JsonType.Boolean;
    return first === 0x6e ? JsonType.Null : JsonType.Number;
  }

  /** Whether there is something at the path; null counts. */
  get exists(): bool {
    return this.size > 0;
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
    this.readText();
    const bytes = new Bytes(textPtr, textSize, this.owner);
    return textPtr === scratch.ptr ? bytes.copy() : bytes;
  }

  /** The text of a string; of anything else the JSON; of a missing field an empty text. */
  toString(): string {
    this.readText();
    return decodeUtf8(textPtr, textSize);
  }

  /** The JSON without white space between its parts, copied. */
  compact(): Bytes {
    scratch.size = 0;
    compactTo(this.ptr, this.size, scratch);
    return new Bytes(scratch.ptr, <i32>scratch.size).copy();
  }

  /** The number, also of a string that is one; NaN when it is none. */
  toF64(): f64 {
    this.readText();
    return readF64(textPtr, textSize);
  }

  /** The whole number, also of a string that is one; anything else reports an error as `fail` does, and gives 0. */
  toI64(): i64 {
    this.readText();
    return readI64(textPtr, textSize);
  }

  /** Whether it is `true`. */
  toBool(): bool {
    return this.size === 4 && load<u32>(this.ptr) === TRUE;
  }

  /** Whether it is a string of exactly this text, or, for anything else, whether it stands there as this text. */
  equals<T>(text: T): bool {
    this.readText();
    operand<T>(text);
    return textSize === operandSize && same(textPtr, operandPtr, textSize);
  }

  /** What is at a path from here. */
  at<T>(path: T): JsonField {
    return fieldAt<T>(this.ptr, this.size, this.owner, path);
  }

  /** The elements of an array, in order; of anything else none. */
  elements(): JsonField[] {
    const found: JsonField[] = [];
    if (this.type !== JsonType.Array) return found;
    const end = this.ptr + <usize>this.size;
    let at = skipSpace(this.ptr + 1, end);
    while (at < end) {
      const next = skipValue(at, end);
      if (next === at) break;
      found.push(this.part(at, next));
      at = skipSpace(next, end);
      if (at >= end || load<u8>(at) !== COMMA) break;
      at = skipSpace(at + 1, end);
    }
    return found;
  }

  /** The members of an object, in order; of anything else none. */
  members(): JsonMember[] {
    const found: JsonMember[] = [];
    if (this.type !== JsonType.Object) return found;
    const end = this.ptr + <usize>this.size;
    let at = skipSpace(this.ptr + 1, end);
    while (at < end && load<u8>(at) === QUOTE) {
      const keyEnd = min(findStringEnd(at + 1, end) + 1, end);
      const valueStart = min(skipSpace(min(skipSpace(keyEnd, end) + 1, end), end), end);
      const valueEnd = skipValue(valueStart, end);
      found.push(new JsonMember(this.part(at, keyEnd), this.part(valueStart, valueEnd)));
      at = skipSpace(valueEnd, end);
      if (at >= end || load<u8>(at) !== COMMA) break;
      at = skipSpace(at + 1, end);
    }
    return found;
  }

  private part(from: usize, to: usize): JsonField {
    return new JsonField(from, <i32>(to - from), this.owner);
  }

  /** Puts the text of a string, or the JSON of anything else, into `textPtr` and `textSize`. */
  private readText(): void {
    textPtr = this.ptr;
    textSize = this.size;
    if (textSize === 0 || load<u8>(textPtr) !== QUOTE) return;
    textPtr += 1;
    textSize = max(textSize - 2, 0);
    if (!hasEscapes(textPtr, textSize)) return;
    scratch.size = 0;
    unescape(textPtr, textSize, scratch);
    textPtr = scratch.ptr;
    textSize = <i32>scratch.size;
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

/** What is at a path, a text or {@link JsonPath}, of JSON that belongs to `owner`. */
export function fieldAt<T>(ptr: usize, size: i32, owner: ArrayBuffer | null, path: T): JsonField {
  const way = path instanceof JsonPath ? changetype<JsonPath>(path) : pathOf(changetype<string>(path));
  way.find(ptr, size);
  return new JsonField(foundStart, <i32>(foundEnd - foundStart), owner);
}

/** A text or bytes of UTF-8 as a string of JSON, quotes included. */
export function jsonQuote<T>(text: T): Bytes {
  operand<T>(text);
  scratch.size = 0;
  escape(operandPtr, operandSize, scratch);
  return new Bytes(scratch.ptr, <i32>scratch.size).copy();
}
