/**
 * A map SmartModule in AssemblyScript: takes `fact` out of a JSON object and gives it as a JSON value of its own.
 *
 *   {"fact":"Cats sleep a lot.","length":17}  becomes  "Cats sleep a lot."
 *
 * It does what this Rust does: parse the value as JSON, take `input["fact"]`, serialise that. So the key is kept, a
 * missing field gives `null`, and a value that is no JSON is an error. Compile it with
 *
 *   npx asc examples/cat-facts/catfact-map.ts --outFile catfact_map.wasm --optimizeLevel 3 --use abort=
 */
import { copy_records } from "./env";

const QUOTE: u8 = 0x22;
const BACKSLASH: u8 = 0x5c;
const COMMA: u8 = 0x2c;
const COLON: u8 = 0x3a;
const OPEN_BRACE: u8 = 0x7b;
const CLOSE_BRACE: u8 = 0x7d;
const OPEN_BRACKET: u8 = 0x5b;
const CLOSE_BRACKET: u8 = 0x5d;
const DEPTH_MAX: i32 = 128;
const FACT: u32 = 0x74636166; // "fact", as a little-endian word
const KIND_MAP: u8 = 1;
const INPUT_UNREADABLE: i32 = -11;

// --- the call ------------------------------------------------------------------------------------------------------

export function alloc(length: i32): usize {
  return heap.alloc(length);
}

export function dealloc(ptr: usize, _size: i32): void {
  heap.free(ptr);
}

/**
 * Input: base offset (i64), length of the records (u32), their count (u32), the records. All numbers big-endian.
 * Output: count, records, then 0, or 1 and the error on the record at which the work ended.
 */
export function map(input: usize, inputLength: i32, _version: i32): i32 {
  if (inputLength < 16) return INPUT_UNREADABLE;
  const baseOffset = bswap(load<i64>(input));
  const recordBytes = bswap(load<u32>(input, 8));
  if (<u64>recordBytes + 12 > <u64>inputLength) return INPUT_UNREADABLE;
  pos = input + 16;
  end = input + 12 + recordBytes;
  unreadable = false;
  output.clear();
  output.u32(0);
  let done: i32 = 0;
  let failed = false;
  for (let left = bswap(load<u32>(input, 12)); left > 0 && !failed; left--) {
    readRecord();
    if (unreadable) return INPUT_UNREADABLE;
    json.clear();
    failed = !takeFact(valuePtr, valueLength);
    if (failed) writeError(baseOffset);
    else {
      writeRecord();
      done += 1;
    }
  }
  if (!failed) output.u8(0);
  store<u32>(output.ptr, bswap(<u32>done));
  copy_records(output.ptr, <i32>output.size);
  heap.free(input);
  return done;
}

// --- records ---------------------------------------------------------------------------------------------------------

let pos: usize = 0;
let end: usize = 0;
let unreadable: bool = false;
// the parts of the current record, as they lie in the input
let headPtr: usize = 0; // attributes, timestamp delta, offset delta
let keyPtr: usize = 0; // flag, and with a key its length and bytes
let keyEnd: usize = 0;
let valuePtr: usize = 0;
let valueLength: i32 = 0;
let headersPtr: usize = 0;
let offsetDelta: i64 = 0;

function readRecord(): void {
  readVarint();
  headPtr = pos;
  skip(1);
  readVarint();
  offsetDelta = readVarint();
  keyPtr = pos;
  skip(1);
  if (!unreadable && load<u8>(keyPtr) === 1) skip(readVarint());
  keyEnd = pos;
  valueLength = <i32>readVarint();
  valuePtr = pos;
  skip(valueLength);
  headersPtr = pos;
  readVarint();
}

function skip(count: i64): void {
  if (count < 0 || count > <i64>(end - pos)) unreadable = true;
  else pos += <usize>count;
}

function readVarint(): i64 {
  let value: u64 = 0;
  for (let shift: u64 = 0; shift < 70 && pos < end; shift += 7) {
    const byte = load<u8>(pos++);
    value |= (<u64>(byte & 0x7f)) << shift;
    if (byte < 0x80) return <i64>(value >>> 1) ^ -(<i64>(value & 1));
  }
  unreadable = true;
  return 0;
}

/** The record again, with what is in `json` as its value. */
function writeRecord(): void {
  const headLength = keyEnd - headPtr;
  const headersLength = pos - headersPtr;
  output.varint(headLength + varintSize(json.size) + json.size + headersLength);
  output.bytes(headPtr, headLength);
  output.varint(json.size);
  output.bytes(json.ptr, json.size);
  output.bytes(headersPtr, headersLength);
}

function writeError(baseOffset: i64): void {
  output.u8(1);
  const hint = String.UTF8.encode("the value is not JSON");
  output.u16(<u16>hint.byteLength);
  output.bytes(changetype<usize>(hint), hint.byteLength);
  output.i64(baseOffset + offsetDelta);
  output.u8(KIND_MAP);
  output.bytes(keyPtr, keyEnd - keyPtr);
  output.varint(valueLength);
  output.bytes(valuePtr, valueLength);
}

// --- JSON ------------------------------------------------------------------------------------------------------------

/** Where the scanner is in the value, and where the value ends. */
let at: usize = 0;
let stop: usize = 0;

/** Puts the fact of a JSON text into `json`; false when the text is no JSON. */
function takeFact(ptr: usize, length: i32): bool {
  at = ptr;
  stop = ptr + length;
  let factPtr: usize = 0;
  let factEnd: usize = 0;
  skipSpace();
  if (peek() === OPEN_BRACE) {
    at += 1;
    skipSpace();
    if (peek() === CLOSE_BRACE) at += 1;
    else {
      do {
        skipSpace();
        const isFact = scanKey();
        if (!isFact && unscannable) return false;
        skipSpace();
        if (peek() !== COLON) return false;
        at += 1;
        skipSpace();
        const start = at;
        if (!scanValue(1)) return false;
        if (isFact) {
          factPtr = start;
          factEnd = at;
        }
        skipSpace();
      } while (accept(COMMA));
      if (!accept(CLOSE_BRACE)) return false;
    }
  } else if (!scanValue(0)) return false;
  skipSpace();
  if (at !== stop) return false;
  if (factPtr === 0) json.ascii("null");
  else writeCompact(factPtr, factEnd);
  return true;
}

let unscannable: bool = false;

/** Scans a key; true when it is `fact`, however it is escaped. */
function scanKey(): bool {
  const start = at;
  unscannable = !scanString();
  if (unscannable) return false;
  json.clear();
  writeString(start, at);
  const isFact = json.size === 6 && load<u32>(json.ptr, 1) === FACT;
  json.clear();
  return isFact;
}

/** The byte at the scanner, or 0 behind the end. */
function peek(): u8 {
  return at < stop ? load<u8>(at) : 0;
}

function accept(byte: u8): bool {
  if (peek() !== byte) return false;
  at += 1;
  return true;
}

function isSpace(byte: u8): bool {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

function skipSpace(): void {
  while (at < stop && isSpace(load<u8>(at))) at += 1;
}

function scanValue(depth: i32): bool {
  if (depth >= DEPTH_MAX) return false;
  const first = peek();
  if (first === QUOTE) return scanString();
  if (first === OPEN_BRACE) return scanMembers(depth, CLOSE_BRACE);
  if (first === OPEN_BRACKET) return scanMembers(depth, CLOSE_BRACKET);
  if (first === 0x74) return scanWord("true");
  if (first === 0x66) return scanWord("false");
  if (first === 0x6e) return scanWord("null");
  return scanNumber();
}

function scanMembers(depth: i32, close: u8): bool {
  at += 1;
  skipSpace();
  if (accept(close)) return true;
  do {
    skipSpace();
    if (close === CLOSE_BRACE) {
      if (peek() !== QUOTE || !scanString()) return false;
      skipSpace();
      if (!accept(COLON)) return false;
      skipSpace();
    }
    if (!scanValue(depth + 1)) return false;
    skipSpace();
  } while (accept(COMMA));
  return accept(close);
}

function scanWord(word: string): bool {
  for (let i = 0; i < word.length; i++) {
    if (!accept(<u8>word.charCodeAt(i))) return false;
  }
  return true;
}

function scanDigits(): bool {
  const start = at;
  while (peek() >= 0x30 && peek() <= 0x39) at += 1;
  return at > start;
}

function scanNumber(): bool {
  accept(0x2d);
  if (!accept(0x30) && !scanDigits()) return false;
  if (accept(0x2e) && !scanDigits()) return false;
  if (!accept(0x65) && !accept(0x45)) return true;
  if (!accept(0x2b)) accept(0x2d);
  return scanDigits();
}

function scanString(): bool {
  if (!accept(QUOTE)) return false;
  while (at < stop) {
    const byte = load<u8>(at);
    if (byte === QUOTE) {
      at += 1;
      return true;
    }
    if (byte < 0x20) return false;
    if (byte === BACKSLASH) {
      if (!scanEscape()) return false;
    } else if (byte < 0x80) at += 1;
    else if (!scanUtf8(byte)) return false;
  }
  return false;
}

function scanEscape(): bool {
  at += 1;
  const byte = peek();
  at += 1;
  if (byte === 0x75) {
    const unit = scanHex();
    if (unit < 0 || (unit >= 0xdc00 && unit < 0xe000)) return false;
    if (unit < 0xd800 || unit >= 0xe000) return true;
    // the first half of a pair needs the second
    if (!accept(BACKSLASH) || !accept(0x75)) return false;
    const second = scanHex();
    return second >= 0xdc00 && second < 0xe000;
  }
  return (
    byte === QUOTE ||
    byte === BACKSLASH ||
    byte === 0x2f ||
    byte === 0x62 ||
    byte === 0x66 ||
    byte === 0x6e ||
    byte === 0x72 ||
    byte === 0x74
  );
}

/** Four hexadecimal digits, or -1. */
function scanHex(): i32 {
  let value: i32 = 0;
  for (let i = 0; i < 4; i++) {
    const byte = peek();
    const lower = byte | 0x20;
    at += 1;
    if (byte >= 0x30 && byte <= 0x39) value = value * 16 + (byte - 0x30);
    else if (lower >= 0x61 && lower <= 0x66) value = value * 16 + (lower - 0x57);
    else return -1;
  }
  return value;
}

/** A character above ASCII: its length follows from the first byte, the shortest form is the only one. */
function scanUtf8(first: u8): bool {
  const length: usize = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || at + length > stop) return false;
  const second = load<u8>(at, 1);
  if (first === 0xe0 && second < 0xa0) return false;
  if (first === 0xed && second > 0x9f) return false;
  if (first === 0xf0 && second < 0x90) return false;
  if (first === 0xf4 && second > 0x8f) return false;
  for (let i: usize = 1; i < length; i++) {
    if ((load<u8>(at + i) & 0xc0) !== 0x80) return false;
  }
  at += length;
  return true;
}

/** A value that was scanned, without spaces between its parts. */
function writeCompact(from: usize, to: usize): void {
  at = from;
  stop = to;
  while (at < stop) {
    const byte = load<u8>(at);
    if (byte === QUOTE) {
      const start = at;
      scanString();
      writeString(start, at);
    } else {
      if (!isSpace(byte)) json.u8(byte);
      at += 1;
    }
  }
}

/** A string that was scanned, quotes included, with only the escapes that JSON asks for. */
function writeString(from: usize, to: usize): void {
  json.u8(QUOTE);
  for (let i = from + 1; i < to - 1; i++) {
    const byte = load<u8>(i);
    if (byte !== BACKSLASH) {
      json.u8(byte);
      continue;
    }
    const escaped = load<u8>(++i);
    if (escaped === 0x2f) json.u8(escaped);
    else if (escaped !== 0x75) {
      json.u8(BACKSLASH);
      json.u8(escaped);
    } else i = writeCodePoint(i);
  }
  json.u8(QUOTE);
}

/** The character of a \u escape whose u is at `i`; gives the address of its last digit. */
function writeCodePoint(i: usize): usize {
  const after = at;
  const bound = stop;
  at = i + 1;
  stop = i + 11;
  let code = scanHex();
  if (code >= 0xd800 && code < 0xdc00) {
    at += 2;
    code = 0x10000 + ((code - 0xd800) << 10) + (scanHex() - 0xdc00);
  }
  const last = at - 1;
  at = after;
  stop = bound;
  if (code < 0x20) writeControl(<u8>code);
  else if (code === QUOTE || code === BACKSLASH) {
    json.u8(BACKSLASH);
    json.u8(<u8>code);
  } else json.utf8(code);
  return last;
}

function writeControl(code: u8): void {
  json.u8(BACKSLASH);
  if (code === 0x08) json.u8(0x62);
  else if (code === 0x09) json.u8(0x74);
  else if (code === 0x0a) json.u8(0x6e);
  else if (code === 0x0c) json.u8(0x66);
  else if (code === 0x0d) json.u8(0x72);
  else {
    json.ascii("u00");
    json.u8(0x30 + (code >> 4));
    const low = code & 15;
    json.u8(low < 10 ? 0x30 + low : 0x57 + low);
  }
}

// --- bytes -----------------------------------------------------------------------------------------------------------

function varintSize(value: u64): usize {
  let rest = value << 1;
  let size: usize = 1;
  while (rest >= 0x80) {
    size += 1;
    rest >>>= 7;
  }
  return size;
}

/** Bytes that grow; kept over the calls, so that nothing leaks. */
class Bytes {
  ptr: usize = 0;
  size: usize = 0;
  private capacity: usize = 0;

  clear(): void {
    this.size = 0;
  }
  /** Makes room for `count` bytes and gives their address. */
  private room(count: usize): usize {
    const needed = this.size + count;
    if (needed > this.capacity) {
      this.capacity = max(max(needed, this.capacity * 2), 1024);
      this.ptr = this.ptr === 0 ? heap.alloc(this.capacity) : heap.realloc(this.ptr, this.capacity);
    }
    const start = this.ptr + this.size;
    this.size = needed;
    return start;
  }
  u8(value: u8): void {
    store<u8>(this.room(1), value);
  }
  u16(value: u16): void {
    store<u16>(this.room(2), bswap(value));
  }
  u32(value: u32): void {
    store<u32>(this.room(4), bswap(value));
  }
  i64(value: i64): void {
    store<i64>(this.room(8), bswap(value));
  }
  /** A length as a zig-zag varint. */
  varint(value: u64): void {
    let rest = value << 1;
    while (rest >= 0x80) {
      this.u8(<u8>(rest | 0x80));
      rest >>>= 7;
    }
    this.u8(<u8>rest);
  }
  bytes(ptr: usize, count: usize): void {
    const start = this.room(count);
    memory.copy(start, ptr, count);
  }
  ascii(text: string): void {
    for (let i = 0; i < text.length; i++) this.u8(<u8>text.charCodeAt(i));
  }
  utf8(code: i32): void {
    if (code < 0x80) this.u8(<u8>code);
    else if (code < 0x800) {
      this.u8(<u8>(0xc0 | (code >> 6)));
      this.u8(<u8>(0x80 | (code & 0x3f)));
    } else {
      if (code < 0x10000) this.u8(<u8>(0xe0 | (code >> 12)));
      else {
        this.u8(<u8>(0xf0 | (code >> 18)));
        this.u8(<u8>(0x80 | ((code >> 12) & 0x3f)));
      }
      this.u8(<u8>(0x80 | ((code >> 6) & 0x3f)));
      this.u8(<u8>(0x80 | (code & 0x3f)));
    }
  }
}

const output = new Bytes();
/** The value of the record under way. */
const json = new Bytes();
