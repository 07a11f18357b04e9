/** Steps through a text that is known to be JSON (see syntax.ts). */
import { Buffer } from "../buffer";
import { skipSpace } from "./text";

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
