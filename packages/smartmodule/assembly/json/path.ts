import { same } from "../abi/search";
import { Buffer } from "../abi/buffer";
import { Bytes } from "../bytes";
import { fail } from "../failure";
import { findStringEnd, isDigit, skipSpace, skipValue } from "./scan";
import { hasEscapes, unescape } from "./text";

const QUOTE: u8 = 0x22;
const COMMA: u8 = 0x2c;
const COLON: u8 = 0x3a;
const OPEN_BRACKET: u8 = 0x5b;
const CLOSE_BRACKET: u8 = 0x5d;
const OPEN_BRACE: u8 = 0x7b;

/** Where the value that was found begins and ends; 0 when there is none. */
export let foundStart: usize = 0;
export let foundEnd: usize = 0;

const decodedKey = new Buffer();

/**
 * A way into JSON, such as `order.items[0].price`: names of members with dots between them, places in arrays in brackets. A
 * name that has dots or brackets in it is written in quotes within brackets: `labels["app.name"]`. An empty path is the
 * whole value. A path that cannot be read reports an error as `fail` does, so that `init` refuses it.
 */
@final
export class JsonPath {
  /** Names of members; in the place of an index an empty one. */
  private readonly keys: Bytes[] = [];
  /** Places in arrays; -1 in the place of a name. */
  private readonly indexes: i32[] = [];

  constructor(path: string) {
    let at = path.startsWith("$") ? 1 : 0;
    while (at < path.length) {
      const first = path.charCodeAt(at);
      if (first === OPEN_BRACKET) at = this.addBracket(path, at + 1);
      else {
        if (first === 0x2e) at += 1;
        else if (at > 0) at = -1;
        if (at >= 0) at = this.addName(path, at);
      }
      if (at < 0) break;
    }
    if (at < 0) fail<void>(`${path} is no path into JSON`);
  }

  /** Number of names and places. */
  get length(): i32 {
    return this.indexes.length;
  }

  private addName(path: string, from: i32): i32 {
    let to = from;
    while (to < path.length && path.charCodeAt(to) !== 0x2e && path.charCodeAt(to) !== OPEN_BRACKET) to += 1;
    if (to === from) return -1;
    this.add(path.substring(from, to), -1);
    return to;
  }

  private addBracket(path: string, from: i32): i32 {
    if (from < path.length && path.charCodeAt(from) === QUOTE) {
      const close = path.indexOf('"]', from + 1);
      if (close < 0) return -1;
      this.add(path.substring(from + 1, close), -1);
      return close + 2;
    }
    const close = path.indexOf("]", from);
    if (close <= from || close - from > 9) return -1;
    for (let i = from; i < close; i++) {
      if (!isDigit(<u8>min(path.charCodeAt(i), 0xff))) return -1;
    }
    this.add("", I32.parseInt(path.substring(from, close)));
    return close + 1;
  }

  private add(key: string, index: i32): void {
    this.keys.push(Bytes.of<string>(key));
    this.indexes.push(index);
  }

  /** Goes this way from a value; whether there is something is in `foundStart`. */
  find(ptr: usize, size: i32): void {
    const end = ptr + <usize>size;
    let at = skipSpace(ptr, end);
    for (let step = 0, steps = this.indexes.length; step < steps && at !== 0; step++) {
      const index = unchecked(this.indexes[step]);
      if (index >= 0) at = findElement(at, end, index);
      else {
        const key = unchecked(this.keys[step]);
        at = findMember(at, end, key.ptr, <usize>key.length);
      }
    }
    if (at === end) at = 0;
    foundStart = at;
    foundEnd = at === 0 ? 0 : skipValue(at, end);
  }
}

/** Where the value of an object's last member of a name begins, or 0: parsers take the last of several, too. */
function findMember(at: usize, end: usize, key: usize, keySize: usize): usize {
  let found: usize = 0;
  if (at >= end || load<u8>(at) !== OPEN_BRACE) return found;
  do {
    at = skipSpace(at + 1, end);
    if (at >= end || load<u8>(at) !== QUOTE) break;
    at += 1;
    let isMatch = at + keySize < end && load<u8>(at + keySize) === QUOTE && same(at, key, keySize);
    // what looks like a backslash of the name begins an escape there
    if (isMatch) isMatch = !hasEscapes(key, <i32>keySize);
    const close = isMatch ? at + keySize : findStringEnd(at, end);
    if (!isMatch && hasEscapes(at, <i32>(close - at))) isMatch = isSameDecoded(at, close, key, keySize);
    at = skipSpace(close + 1, end);
    if (at >= end || load<u8>(at) !== COLON) break;
    at = skipSpace(at + 1, end);
    if (isMatch) found = at;
    at = skipSpace(skipValue(at, end), end);
  } while (at < end && load<u8>(at) === COMMA);
  return found;
}

function isSameDecoded(from: usize, to: usize, key: usize, keySize: usize): bool {
  decodedKey.size = 0;
  unescape(from, <i32>(to - from), decodedKey);
  return decodedKey.size === keySize && same(decodedKey.ptr, key, keySize);
}

/** Where an element of an array begins, or 0. */
function findElement(at: usize, end: usize, index: i32): usize {
  if (at >= end || load<u8>(at) !== OPEN_BRACKET) return 0;
  at = skipSpace(at + 1, end);
  if (at < end && load<u8>(at) === CLOSE_BRACKET) return 0;
  for (; index > 0; index--) {
    at = skipSpace(skipValue(at, end), end);
    if (at >= end || load<u8>(at) !== COMMA) return 0;
    at = skipSpace(at + 1, end);
  }
  return at < end ? at : 0;
}

// --- paths that are given as text ----------------------------------------------------------------------------------------

const CACHED_MAX = 16;
const cachedTexts: string[] = [];
const cachedPaths: JsonPath[] = [];
let nextCached = 0;

/** The path that a text describes. Texts that are the same object, as literals are, are read once. */
export function pathOf(text: string): JsonPath {
  for (let i = 0, count = cachedTexts.length; i < count; i++) {
    if (changetype<usize>(unchecked(cachedTexts[i])) === changetype<usize>(text)) return unchecked(cachedPaths[i]);
  }
  const path = new JsonPath(text);
  if (cachedTexts.length < CACHED_MAX) {
    cachedTexts.push(text);
    cachedPaths.push(path);
  } else {
    cachedTexts[nextCached] = text;
    cachedPaths[nextCached] = path;
    nextCached = (nextCached + 1) % CACHED_MAX;
  }
  return path;
}
