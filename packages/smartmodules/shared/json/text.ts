/** Strings and white space of JSON, byte by byte. */
import { Buffer } from "../buffer";

export function skipSpace(start: usize, end: usize): usize {
  let at = start;
  while (at < end) {
    const byte = load<u8>(at);
    if (byte > 0x20 || (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09)) break;
    at++;
  }
  return at;
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

/** Length of the UTF-8 sequence at `at`, 0 when it is none. */
export function utf8Length(at: usize, end: usize): usize {
  const first = load<u8>(at);
  if (first < 0xc2 || first > 0xf4) return 0;
  const length: usize = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  if (at + length > end) return 0;
  const second = load<u8>(at + 1);
  const low: u8 = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
  const high: u8 = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
  if (second < low || second > high) return 0;
  for (let i: usize = 2; i < length; i++) if ((load<u8>(at + i) & 0xc0) !== 0x80) return 0;
  return length;
}
