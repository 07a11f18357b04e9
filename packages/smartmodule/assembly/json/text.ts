/** Texts of JSON: their escapes undone and made. */
import { Buffer } from "../abi/buffer";
import { findByte } from "../abi/search";
import { findSpecial, hexValue } from "./check";
import { findStringEnd, isJsonSpace } from "./scan";

const QUOTE: u8 = 0x22;
const BACKSLASH: u8 = 0x5c;

/** Whether the content of a string has escapes. */
export function hasEscapes(ptr: usize, size: i32): bool {
  return findByte(ptr, ptr + <usize>size, BACKSLASH) !== 0;
}

/** Writes the content of a string with its escapes undone; one that is none stays as it is. */
export function unescape(ptr: usize, size: i32, target: Buffer): void {
  const end = ptr + <usize>size;
  target.reserve(<usize>size);
  while (ptr < end) {
    const byte = load<u8>(ptr++);
    if (byte !== BACKSLASH || ptr === end) {
      target.u8(byte);
      continue;
    }
    const escaped = load<u8>(ptr++);
    if (escaped === 0x75) ptr = unescapeUnicode(ptr, end, target);
    else target.u8(unescaped(escaped));
  }
}

function unescaped(letter: u8): u8 {
  if (letter === 0x62) return 0x08;
  if (letter === 0x66) return 0x0c;
  if (letter === 0x6e) return 0x0a;
  if (letter === 0x72) return 0x0d;
  return letter === 0x74 ? 0x09 : letter;
}

/** The character of an escape, or of two that belong together; half of a pair becomes U+FFFD. */
function unescapeUnicode(ptr: usize, end: usize, target: Buffer): usize {
  let code = end - ptr < 4 ? -1 : hexValue(ptr);
  if (code < 0) {
    target.u8(0x75);
    return ptr;
  }
  ptr += 4;
  if (code >= 0xd800 && code < 0xdc00 && end - ptr >= 6 && load<u16>(ptr) === 0x755c) {
    const second = hexValue(ptr + 2);
    if (second >= 0xdc00 && second < 0xe000) {
      code = 0x10000 + ((code - 0xd800) << 10) + second - 0xdc00;
      ptr += 6;
    }
  }
  writeCodePoint(code >= 0xd800 && code < 0xe000 ? 0xfffd : code, target);
  return ptr;
}

function writeCodePoint(code: i32, target: Buffer): void {
  if (code < 0x80) {
    target.u8(<u8>code);
    return;
  }
  if (code < 0x800) target.u8(<u8>(0xc0 | (code >> 6)));
  else {
    if (code < 0x10000) target.u8(<u8>(0xe0 | (code >> 12)));
    else {
      target.u8(<u8>(0xf0 | (code >> 18)));
      target.u8(<u8>(0x80 | ((code >> 12) & 0x3f)));
    }
    target.u8(<u8>(0x80 | ((code >> 6) & 0x3f)));
  }
  target.u8(<u8>(0x80 | (code & 0x3f)));
}

/** Writes UTF-8 as a string of JSON, quotes included, with only the escapes that JSON asks for. */
export function escape(ptr: usize, size: i32, target: Buffer): void {
  const end = ptr + <usize>size;
  target.u8(QUOTE);
  while (true) {
    const special = findSpecial(ptr, end);
    target.bytes(ptr, special - ptr);
    if (special === end) break;
    escapeByte(load<u8>(special), target);
    ptr = special + 1;
  }
  target.u8(QUOTE);
}

function escapeByte(byte: u8, target: Buffer): void {
  target.u8(BACKSLASH);
  if (byte === QUOTE || byte === BACKSLASH) target.u8(byte);
  else if (byte === 0x08) target.u8(0x62);
  else if (byte === 0x09) target.u8(0x74);
  else if (byte === 0x0a) target.u8(0x6e);
  else if (byte === 0x0c) target.u8(0x66);
  else if (byte === 0x0d) target.u8(0x72);
  else {
    target.u8(0x75);
    target.u16(0x3030);
    target.u8(0x30 + (byte >> 4));
    const low = byte & 15;
    target.u8(low < 10 ? 0x30 + low : 0x57 + low);
  }
}

/** Writes JSON without the white space between its parts. */
export function compactTo(ptr: usize, size: i32, target: Buffer): void {
  const end = ptr + <usize>size;
  while (ptr < end) {
    const byte = load<u8>(ptr);
    if (byte === QUOTE) {
      const next = min(findStringEnd(ptr + 1, end) + 1, end);
      target.bytes(ptr, next - ptr);
      ptr = next;
      continue;
    }
    if (!isJsonSpace(byte)) target.u8(byte);
    ptr += 1;
  }
}
