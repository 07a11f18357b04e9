/**
 * Whether bytes are JSON, and if not, what is wrong and where: in the words of Rust's serde_json, so that a module says the
 * same whichever language it is written in. Columns count bytes.
 */
import { readF64 } from "../abi/number";
import { utf8ValidUpTo } from "../abi/utf8";
import { isDigit, skipSpace } from "./scan";

/** Arrays and objects within each other; one more is refused. */
const DEPTH_MAX = 127;

const QUOTE: u8 = 0x22;
const COMMA: u8 = 0x2c;
const COLON: u8 = 0x3a;
const OPEN_BRACKET: u8 = 0x5b;
const BACKSLASH: u8 = 0x5c;
const CLOSE_BRACKET: u8 = 0x5d;
const OPEN_BRACE: u8 = 0x7b;
const CLOSE_BRACE: u8 = 0x7d;

let start: usize = 0;
let at: usize = 0;
let end: usize = 0;
let problem: string = "";

/** What is wrong, with line and column, or an empty text. */
export function checkJson(ptr: usize, size: i32): string {
  start = at = ptr;
  end = ptr + <usize>size;
  problem = "";
  if (checkValue(0)) {
    at = skipSpace(at, end);
    if (at < end) refuseNext("trailing characters");
  }
  return problem;
}

/** Says what is wrong, at the byte that was read last. */
function refuse(message: string): bool {
  let line = 1;
  let lineStart = start;
  for (let place = start; place < at; place++) {
    if (load<u8>(place) === 0x0a) {
      line += 1;
      lineStart = place + 1;
    }
  }
  problem = `${message} at line ${line} column ${at - lineStart}`;
  return false;
}

/** Says what is wrong, at the byte that would be read next. */
function refuseNext(message: string): bool {
  if (at < end) at += 1;
  return refuse(message);
}

/** The byte that would be read next, or 0 behind the end. */
// @ts-ignore: decorator
@inline
function peek(): u8 {
  return at < end ? load<u8>(at) : 0;
}

function checkValue(depth: i32): bool {
  at = skipSpace(at, end);
  if (at === end) return refuseNext("EOF while parsing a value");
  const first = load<u8>(at);
  if (first === QUOTE) return checkString();
  if (first === OPEN_BRACE) return checkObject(depth);
  if (first === OPEN_BRACKET) return checkArray(depth);
  if (first === 0x74) return checkWord(0x657572, 3);
  if (first === 0x66) return checkWord(0x65736c61, 4);
  if (first === 0x6e) return checkWord(0x6c6c75, 3);
  if (first === 0x2d) {
    at += 1;
    return checkNumber();
  }
  return isDigit(first) ? checkNumber() : refuseNext("expected value");
}

/** The rest of a word, whose letters are the bytes of `rest` from the lowest on. */
function checkWord(rest: u32, count: i32): bool {
  at += 1;
  for (; count > 0; count--) {
    if (at === end) return refuse("EOF while parsing a value");
    if (load<u8>(at++) !== <u8>rest) return refuse("expected ident");
    rest >>>= 8;
  }
  return true;
}

function checkArray(depth: i32): bool {
  if (depth === DEPTH_MAX) return refuseNext("recursion limit exceeded");
  at = skipSpace(at + 1, end);
  if (peek() === CLOSE_BRACKET) {
    at += 1;
    return true;
  }
  if (at === end) return refuseNext("EOF while parsing a list");
  for (;;) {
    if (!checkValue(depth + 1)) return false;
    at = skipSpace(at, end);
    if (at === end) return refuseNext("EOF while parsing a list");
    const byte = load<u8>(at);
    if (byte === CLOSE_BRACKET) break;
    if (byte !== COMMA) return refuseNext("expected `,` or `]`");
    at = skipSpace(at + 1, end);
    if (peek() === CLOSE_BRACKET) return refuseNext("trailing comma");
  }
  at += 1;
  return true;
}

function checkObject(depth: i32): bool {
  if (depth === DEPTH_MAX) return refuseNext("recursion limit exceeded");
  at = skipSpace(at + 1, end);
  if (peek() === CLOSE_BRACE) {
    at += 1;
    return true;
  }
  if (at === end) return refuseNext("EOF while parsing an object");
  for (;;) {
    if (peek() !== QUOTE) return refuseNext("key must be a string");
    if (!checkString() || !checkColon() || !checkValue(depth + 1)) return false;
    at = skipSpace(at, end);
    if (at === end) return refuseNext("EOF while parsing an object");
    const byte = load<u8>(at);
    if (byte === CLOSE_BRACE) break;
    if (byte !== COMMA) return refuseNext("expected `,` or `}`");
    at = skipSpace(at + 1, end);
    if (at === end) return refuseNext("EOF while parsing a value");
    if (peek() === CLOSE_BRACE) return refuseNext("trailing comma");
  }
  at += 1;
  return true;
}

function checkColon(): bool {
  at = skipSpace(at, end);
  if (at === end) return refuseNext("EOF while parsing an object");
  if (load<u8>(at) !== COLON) return refuseNext("expected `:`");
  at += 1;
  return true;
}

function checkString(): bool {
  const content = at + 1;
  at = content;
  for (;;) {
    at = findSpecial(at, end);
    if (at === end) return refuse("EOF while parsing a string");
    const byte = load<u8>(at++);
    if (byte === QUOTE) break;
    if (byte !== BACKSLASH) return refuse("control character (\\u0000-\\u001F) found while parsing a string");
    if (!checkEscape()) return false;
  }
  return utf8ValidUpTo(content, at - 1) === at - 1 || refuse("invalid unicode code point");
}

/** Where the next quote, backslash or control character is, or `end`. */
export function findSpecial(ptr: usize, end: usize): usize {
  const quote = i8x16.splat(QUOTE);
  const backslash = i8x16.splat(BACKSLASH);
  const space = i8x16.splat(0x20);
  while (ptr + 16 <= end) {
    const bytes = v128.load(ptr);
    const isSpecial = v128.or(
      v128.or(i8x16.eq(bytes, quote), i8x16.eq(bytes, backslash)),
      i8x16.lt_u(bytes, space),
    );
    const mask = i8x16.bitmask(isSpecial);
    if (mask) return ptr + ctz(mask);
    ptr += 16;
  }
  while (ptr < end) {
    const byte = load<u8>(ptr);
    if (byte === QUOTE || byte === BACKSLASH || byte < 0x20) return ptr;
    ptr += 1;
  }
  return end;
}

function checkEscape(): bool {
  if (at === end) return refuse("EOF while parsing a string");
  const byte = load<u8>(at++);
  if (byte === 0x75) return checkUnicodeEscape();
  const isKnown =
    byte === QUOTE ||
    byte === BACKSLASH ||
    byte === 0x2f ||
    byte === 0x62 ||
    byte === 0x66 ||
    byte === 0x6e ||
    byte === 0x72 ||
    byte === 0x74;
  return isKnown || refuse("invalid escape");
}

function checkUnicodeEscape(): bool {
  let unit = checkHex();
  if (unit < 0) return false;
  if (unit >= 0xdc00 && unit <= 0xdfff) return refuse("lone leading surrogate in hex escape");
  if (unit < 0xd800 || unit > 0xdbff) return true;
  if (at === end) return refuse("EOF while parsing a string");
  if (load<u8>(at++) !== BACKSLASH) return refuse("unexpected end of hex escape");
  if (at === end) return refuse("EOF while parsing a string");
  if (load<u8>(at++) !== 0x75) return refuse("unexpected end of hex escape");
  unit = checkHex();
  if (unit < 0) return false;
  return (unit >= 0xdc00 && unit <= 0xdfff) || refuse("lone leading surrogate in hex escape");
}

/** The value of four hexadecimal digits, or -1 with the problem said. */
function checkHex(): i32 {
  if (end - at < 4) {
    at = end;
    refuse("EOF while parsing a string");
    return -1;
  }
  at += 4;
  const value = hexValue(at - 4);
  if (value < 0) refuse("invalid escape");
  return value;
}

/** The value of four hexadecimal digits, or -1. */
export function hexValue(ptr: usize): i32 {
  let value = 0;
  for (let i: usize = 0; i < 4; i++) {
    const byte = <i32>load<u8>(ptr + i);
    const lower = byte | 0x20;
    if (byte >= 0x30 && byte <= 0x39) value = (value << 4) + byte - 0x30;
    else if (lower >= 0x61 && lower <= 0x66) value = (value << 4) + lower - 0x57;
    else return -1;
  }
  return value;
}

/** A number behind its sign. */
function checkNumber(): bool {
  const first = at;
  if (at === end) return refuse("EOF while parsing a value");
  const byte = load<u8>(at++);
  if (byte === 0x30) {
    if (isDigit(peek())) return refuseNext("invalid number");
  } else if (isDigit(byte)) skipDigits();
  else return refuse("invalid number");
  if (peek() === 0x2e) {
    at += 1;
    if (!isDigit(peek())) return refuseNext(at < end ? "invalid number" : "EOF while parsing a value");
    skipDigits();
  }
  if ((peek() | 0x20) === 0x65 && !checkExponent()) return false;
  return isFinite(first) || refuse("number out of range");
}

function checkExponent(): bool {
  at += 1;
  if (peek() === 0x2b || peek() === 0x2d) at += 1;
  if (at === end) return refuse("EOF while parsing a value");
  if (!isDigit(load<u8>(at++))) return refuse("invalid number");
  skipDigits();
  return true;
}

function skipDigits(): void {
  while (isDigit(peek())) at += 1;
}

/** Whether the number from `first` to here is one of 64 bits; short ones without an exponent all are. */
function isFinite(first: usize): bool {
  let isShort = at - first < 300;
  for (let place = first; isShort && place < at; place++) isShort = (load<u8>(place) | 0x20) !== 0x65;
  return isShort || readF64(first, <i32>(at - first)) <= f64.MAX_VALUE;
}
