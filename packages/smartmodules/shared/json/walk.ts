/** Steps through a text that is known to be JSON (see syntax.ts), and strings in it. */
import { Buffer } from "../buffer";
import { skipSpace, utf8Length } from "./syntax";

const ONES: u64 = 0x0101010101010101;
const TOPS: u64 = 0x8080808080808080;
const QUOTES: u64 = 0x2222222222222222;
const BACKSLASHES: u64 = 0x5c5c5c5c5c5c5c5c;

/** Past the closing quote of the string that begins at `start`, with its quote. */
function stringEnd(start: usize, end: usize): usize {
  let at = start + 1;
  while (at < end) {
    if (at + 8 <= end) {
      const word = load<u64>(at);
      const quote = word ^ QUOTES;
      const backslash = word ^ BACKSLASHES;
      const special = ((quote - ONES) & ~quote) | ((backslash - ONES) & ~backslash);
      if ((special & TOPS) === 0) {
        at += 8;
        continue;
      }
      at += <usize>(ctz(special & TOPS) >> 3);
    }
    const byte = load<u8>(at);
    if (byte === 0x22) return at + 1;
    at += byte === 0x5c ? 2 : 1;
  }
  return end;
}

/** Past the value that begins at `start`. */
export function valueEnd(start: usize, end: usize): usize {
  const first = load<u8>(start);
  if (first === 0x22) return stringEnd(start, end);
  let at = start;
  if (first !== 0x7b && first !== 0x5b) {
    while (at < end && !endsScalar(load<u8>(at))) at++;
    return at;
  }
  let depth = 0;
  while (at < end) {
    const byte = load<u8>(at);
    if (byte === 0x22) {
      at = stringEnd(at, end);
      continue;
    }
    at++;
    // brackets of both kinds are the same but for one bit
    const bracket = byte & 0xdf;
    if (bracket === 0x5b) depth++;
    else if (bracket === 0x5d && --depth === 0) return at;
  }
  return end;
}

function endsScalar(byte: u8): bool {
  return byte === 0x2c || byte === 0x7d || byte === 0x5d || byte <= 0x20;
}

/**
 * Goes through the members of an object or the elements of an array: `next()` puts the name (without quotes, still
 * escaped) and the value of the next one into the fields.
 */
export class Members {
  nameStart: usize = 0;
  nameLength: i32 = 0;
  start: usize = 0;
  end: usize = 0;
  /** Elements that were given so far. */
  count: i32 = 0;
  private at: usize;
  private limit: usize;
  private object: bool;

  /** The container begins at `start`; `limit` is behind it. */
  constructor(start: usize, limit: usize) {
    this.object = load<u8>(start) === 0x7b;
    this.at = skipSpace(start + 1, limit);
    this.limit = limit;
  }

  next(): bool {
    const limit = this.limit;
    let at = this.at;
    if (at >= limit || (load<u8>(at) & 0xdf) === 0x5d) return false;
    if (this.object) {
      const name = at;
      at = stringEnd(at, limit);
      this.nameStart = name + 1;
      this.nameLength = <i32>(at - name) - 2;
      at = skipSpace(skipSpace(at, limit) + 1, limit);
    }
    this.start = at;
    this.end = valueEnd(at, limit);
    this.count++;
    at = skipSpace(this.end, limit);
    if (at < limit && load<u8>(at) === 0x2c) at = skipSpace(at + 1, limit);
    this.at = at;
    return true;
  }
}

/** Whether a name in a text (still escaped) is this one. */
export function isName(start: usize, length: i32, name: Buffer): bool {
  if (name.equals(start, length)) return true;
  if (length <= name.length || !hasEscape(start, length)) return false;
  return unescaped(start, length, scratch.clear()).equals(name.ptr, name.length);
}

/** Whether two names in a text (still escaped) are the same. */
export function isSameName(start: usize, length: i32, other: usize, otherLength: i32): bool {
  if (length === otherLength && memory.compare(start, other, length) === 0) return true;
  if (!hasEscape(start, length)) return hasEscape(other, otherLength) && isSameName(other, otherLength, start, length);
  return isName(other, otherLength, unescaped(start, length, nameScratch.clear()));
}

/** The same number for the same name, however it is escaped. */
export function nameHash(start: usize, length: i32): u32 {
  if (hasEscape(start, length)) {
    const name = unescaped(start, length, scratch.clear());
    return nameHashOf(name.ptr, name.length);
  }
  return nameHashOf(start, length);
}

/** FNV-1a. */
function nameHashOf(start: usize, length: i32): u32 {
  let hash: u32 = 0x811c9dc5;
  for (let i = 0; i < length; i++) hash = (hash ^ <u32>load<u8>(start + i)) * 0x01000193;
  return hash;
}

const scratch = new Buffer();
const nameScratch = new Buffer();

export function hasEscape(start: usize, length: i32): bool {
  for (let i = 0; i < length; i++) if (load<u8>(start + i) === 0x5c) return true;
  return false;
}

/** Appends what a string stands for. `start` and `length` are its bytes between the quotes. */
export function unescaped(start: usize, length: i32, out: Buffer): Buffer {
  const end = start + <usize>length;
  let at = start;
  let plain = start;
  while (at < end) {
    if (load<u8>(at) !== 0x5c) {
      at++;
      continue;
    }
    out.bytes(plain, <i32>(at - plain));
    const kind = load<u8>(at + 1);
    at += 2;
    if (kind === 0x75) {
      let point = hex4(at);
      at += 4;
      const paired = (point & 0xfc00) === 0xd800 && at + 6 <= end && load<u16>(at) === 0x755c;
      const low = paired ? hex4(at + 2) : 0;
      if ((low & 0xfc00) === 0xdc00) {
        point = 0x10000 + ((point & 0x3ff) << 10) + (low & 0x3ff);
        at += 6;
      }
      out.point(point);
    } else out.byte(escapedByte(kind));
    plain = at;
  }
  return out.bytes(plain, <i32>(end - plain));
}

function escapedByte(kind: u8): i32 {
  if (kind === 0x6e) return 0x0a;
  if (kind === 0x74) return 0x09;
  if (kind === 0x72) return 0x0d;
  if (kind === 0x62) return 0x08;
  if (kind === 0x66) return 0x0c;
  return kind;
}

function hex4(at: usize): u32 {
  let value: u32 = 0;
  for (let i: usize = 0; i < 4; i++) {
    const byte = load<u8>(at + i);
    value = (value << 4) | (byte < 0x3a ? byte - 0x30 : (byte | 0x20) - 0x57);
  }
  return value;
}

/** Appends UTF-8 text as a JSON string. Bytes that are no UTF-8 become U+FFFD. */
export function quoted(start: usize, length: i32, out: Buffer): Buffer {
  out.byte(0x22);
  const end = start + <usize>length;
  let at = start;
  while (at < end) {
    const byte = load<u8>(at);
    if (byte >= 0x80) {
      const size = utf8Length(at, end);
      if (size === 0) out.point(0xfffd);
      else out.bytes(at, <i32>size);
      at += max(size, 1);
      continue;
    }
    at++;
    if (byte === 0x22 || byte === 0x5c) out.byte(0x5c).byte(byte);
    else if (byte >= 0x20) out.byte(byte);
    else if (byte === 0x0a) out.text("\\n");
    else if (byte === 0x0d) out.text("\\r");
    else if (byte === 0x09) out.text("\\t");
    else if (byte === 0x08) out.text("\\b");
    else if (byte === 0x0c) out.text("\\f");
    else
      out
        .text("\\u00")
        .byte(0x30 + (byte >> 4))
        .byte("0123456789abcdef".charCodeAt(byte & 15));
  }
  return out.byte(0x22);
}

/** Appends a value without the white space between its parts. */
export function minified(start: usize, end: usize, out: Buffer): Buffer {
  let plain = start;
  let at = start;
  while (at < end) {
    const byte = load<u8>(at);
    if (byte === 0x22) at = stringEnd(at, end);
    else if (byte > 0x20) at++;
    else {
      out.bytes(plain, <i32>(at - plain));
      at = skipSpace(at, end);
      plain = at;
    }
  }
  return out.bytes(plain, <i32>(end - plain));
}
