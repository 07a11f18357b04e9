/** The grammar of JSON (RFC 8259) over bytes: is a text JSON, and if not, where does it go wrong. */

/** More levels than this are refused, so that what reads a text later may call itself. */
const DEPTH_MAX: i32 = 512;

const ONES: u64 = 0x0101010101010101;
const TOPS: u64 = 0x8080808080808080;
const SPACES: u64 = 0x2020202020202020;
const QUOTES: u64 = 0x2222222222222222;
const BACKSLASHES: u64 = 0x5c5c5c5c5c5c5c5c;

/** One bit per open bracket: set for an object. */
const stack = memory.data(DEPTH_MAX / 8);

/** Where the text stops to be JSON. */
let stoppedAt: usize = 0;
let tooDeep: bool = false;

/** Empty if the bytes are one JSON value with nothing but white space around it; else what is wrong and at which byte. */
export function malformed(ptr: usize, length: i32): string {
  const end = ptr + <usize>length;
  tooDeep = false;
  if (isJson(ptr, end)) return "";
  const at = `at byte ${stoppedAt - ptr}`;
  if (stoppedAt >= end) return length === 0 ? "an empty value is no JSON" : `JSON ends too early ${at}`;
  if (tooDeep) return `JSON with more than ${DEPTH_MAX} levels ${at}`;
  const byte = load<u8>(stoppedAt);
  const shown =
    byte > 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `0x${byte < 16 ? "0" : ""}${byte.toString(16)}`;
  return `malformed JSON ${at}: unexpected ${shown}`;
}

/** Whether the bytes are JSON; else `stoppedAt` says where not. */
function isJson(start: usize, end: usize): bool {
  let depth = 0;
  let at = start;
  while (true) {
    // a value
    at = skipSpace(at, end);
    if (at >= end) return stop(end);
    const byte = load<u8>(at);
    let opened = false;
    if (byte === 0x22) at = afterString(at + 1, end);
    else if (byte === 0x7b || byte === 0x5b) {
      if (depth >= DEPTH_MAX) {
        tooDeep = true;
        return stop(at);
      }
      setBit(depth++, byte === 0x7b);
      at = skipSpace(at + 1, end);
      if (at >= end) return stop(end);
      if (load<u8>(at) === byte + 2) {
        depth--;
        at++;
      } else opened = true;
    } else at = afterScalar(byte, at, end);
    if (at === 0) return false;
    if (!opened) {
      // what may follow a value: the ends of what is open, then a comma or the end
      at = skipSpace(at, end);
      while (depth > 0 && at < end && load<u8>(at) === (isObject(depth - 1) ? 0x7d : 0x5d)) {
        depth--;
        at = skipSpace(at + 1, end);
      }
      if (depth === 0) return at === end || stop(at);
      if (at >= end || load<u8>(at) !== 0x2c) return stop(at);
      at++;
    }
    if (isObject(depth - 1)) {
      at = afterName(at, end);
      if (at === 0) return false;
    }
  }
}

/** Marks where it went wrong. */
function stop(at: usize): bool {
  stoppedAt = at;
  return false;
}

function setBit(index: i32, on: bool): void {
  const place = stack + (index >> 3);
  const bit = 1 << (index & 7);
  store<u8>(place, on ? load<u8>(place) | bit : load<u8>(place) & ~bit);
}

function isObject(index: i32): bool {
  return (load<u8>(stack + (index >> 3)) & (1 << (index & 7))) !== 0;
}

export function skipSpace(start: usize, end: usize): usize {
  let at = start;
  while (at < end) {
    const byte = load<u8>(at);
    if (byte > 0x20 || (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09)) break;
    at++;
  }
  return at;
}

/** Past the name of a member and its colon; 0 when there is none. */
function afterName(start: usize, end: usize): usize {
  let at = skipSpace(start, end);
  if (at >= end || load<u8>(at) !== 0x22) {
    stoppedAt = at;
    return 0;
  }
  at = afterString(at + 1, end);
  if (at === 0) return 0;
  at = skipSpace(at, end);
  if (at < end && load<u8>(at) === 0x3a) return at + 1;
  stoppedAt = at;
  return 0;
}

/** Past a number, true, false or null; 0 when it is none. */
function afterScalar(byte: u8, at: usize, end: usize): usize {
  if (byte === 0x74) return afterWord(at, end, "true");
  if (byte === 0x66) return afterWord(at, end, "false");
  if (byte === 0x6e) return afterWord(at, end, "null");
  return afterNumber(at, end);
}

function afterWord(start: usize, end: usize, word: string): usize {
  for (let i = 0; i < word.length; i++) {
    const at = start + <usize>i;
    if (at >= end || <i32>load<u8>(at) !== word.charCodeAt(i)) {
      stoppedAt = at;
      return 0;
    }
  }
  return start + <usize>word.length;
}

function digitsEnd(start: usize, end: usize): usize {
  let at = start;
  while (at < end && load<u8>(at) - 0x30 < 10) at++;
  return at;
}

function afterNumber(start: usize, end: usize): usize {
  let at = start;
  if (load<u8>(at) === 0x2d) at++;
  let from = at;
  at = at < end && load<u8>(at) === 0x30 ? at + 1 : digitsEnd(at, end);
  let good = at > from;
  if (good && at < end && load<u8>(at) === 0x2e) {
    from = at + 1;
    at = digitsEnd(from, end);
    good = at > from;
  }
  if (good && at < end && (load<u8>(at) | 0x20) === 0x65) {
    at++;
    if (at < end && (load<u8>(at) === 0x2b || load<u8>(at) === 0x2d)) at++;
    from = at;
    at = digitsEnd(from, end);
    good = at > from;
  }
  if (good) return at;
  stoppedAt = at;
  return 0;
}

/** Past the quote that ends a string whose first byte is at `start`; 0 when it is none. Eight bytes at a time. */
function afterString(start: usize, end: usize): usize {
  let at = start;
  while (at < end) {
    if (at + 8 <= end) {
      const word = load<u64>(at);
      const special = (word - SPACES) | ((word ^ QUOTES) - ONES) | ((word ^ BACKSLASHES) - ONES) | word;
      if ((special & TOPS) === 0) {
        at += 8;
        continue;
      }
      at += <usize>(ctz(special & TOPS) >> 3);
    }
    const byte = load<u8>(at);
    if (byte === 0x22) return at + 1;
    let length: usize = 1;
    if (byte === 0x5c) length = escapeLength(at, end);
    else if (byte < 0x20) length = 0;
    else if (byte >= 0x80) length = utf8Length(at, end);
    if (length === 0) {
      if (byte !== 0x5c) stoppedAt = at;
      return 0;
    }
    at += length;
  }
  stoppedAt = end;
  return 0;
}

/** Length of the escape at `at`, 0 when it is none. */
function escapeLength(at: usize, end: usize): usize {
  if (at + 1 < end) {
    const kind = load<u8>(at + 1);
    const short = kind === 0x22 || kind === 0x5c || kind === 0x2f || kind === 0x62 || kind === 0x66;
    if (short || kind === 0x6e || kind === 0x72 || kind === 0x74) return 2;
    if (kind === 0x75) {
      for (let i: usize = 2; i < 6; i++) {
        if (at + i < end && isHex(load<u8>(at + i))) continue;
        stoppedAt = min(at + i, end);
        return 0;
      }
      return 6;
    }
  }
  stoppedAt = min(at + 1, end);
  return 0;
}

function isHex(byte: u8): bool {
  return byte - 0x30 < 10 || (byte | 0x20) - 0x61 < 6;
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
