/** The grammar of JSON (RFC 8259) over bytes: is a text JSON, and if not, where does it go wrong. */

import { Segment } from "./segment";
import { isName, skipSpace, utf8Length } from "./text";

/** More levels than this are refused, so that what reads a text later may call itself. */
const DEPTH_MAX: i32 = 512;

const ONES: u64 = 0x0101010101010101;
const TOPS: u64 = 0x8080808080808080;
const SPACES: u64 = 0x2020202020202020;
const QUOTES: u64 = 0x2222222222222222;
const BACKSLASHES: u64 = 0x5c5c5c5c5c5c5c5c;

/** One bit per open bracket: set for an object. */
const stack = memory.data(DEPTH_MAX / 8);

/** The value that {@link search} found; `foundStart` is 0 for none. */
export let foundStart: usize = 0;
export let foundEnd: usize = 0;
/** The name that was read last, between its quotes. */
let nameStart: usize = 0;
let nameLength: i32 = 0;
/** Elements that were read of the open arrays, by depth. */
const places = new StaticArray<i32>(DEPTH_MAX + 1);
const NOWHERE: Array<Segment> = [];

/** Where the text stops to be JSON. */
let stoppedAt: usize = 0;
let tooDeep: bool = false;

/** Empty if the bytes are one JSON value with nothing but white space around it; else what is wrong and at which byte. */
export function malformed(ptr: usize, length: i32): string {
  return search(ptr, length, NOWHERE);
}

/** As {@link malformed}; after it `foundStart` and `foundEnd` say where the value is that the segments lead to. */
export function search(ptr: usize, length: i32, segments: Array<Segment>): string {
  const end = ptr + <usize>length;
  tooDeep = false;
  foundStart = 0;
  if (isJson(ptr, end, segments)) return "";
  const at = `at byte ${stoppedAt - ptr}`;
  if (stoppedAt >= end) return length === 0 ? "an empty value is no JSON" : `JSON ends too early ${at}`;
  if (tooDeep) return `JSON with more than ${DEPTH_MAX} levels ${at}`;
  const byte = load<u8>(stoppedAt);
  const shown =
    byte > 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `0x${byte < 16 ? "0" : ""}${byte.toString(16)}`;
  return `malformed JSON ${at}: unexpected ${shown}`;
}

/** Brackets that are open. */
let depth: i32 = 0;
/** Containers that lead to what is looked for: those at depths from 1 to here. */
let onPath: i32 = 0;
/** The depth at which what is looked for has begun and not ended. */
let targetDepth: i32 = -1;

/** Whether the bytes are JSON; else `stoppedAt` says where not. On the way it finds what the segments lead to. */
function isJson(start: usize, end: usize, segments: Array<Segment>): bool {
  let at = start;
  /** What comes next is what is looked for, or (if it is in brackets) leads to it. */
  let isTarget = segments.length === 0;
  let leads = !isTarget;
  depth = 0;
  onPath = 0;
  targetDepth = -1;
  while (true) {
    at = spaceEnd(at, end);
    if (at >= end) return stop(end);
    if (isTarget) {
      foundStart = at;
      targetDepth = depth;
    }
    const byte = load<u8>(at);
    let opened = false;
    if (byte === 0x22) at = afterString(at + 1, end);
    else if (byte === 0x7b || byte === 0x5b) {
      at = afterBracket(byte, at, end);
      opened = at !== 0 && load<u8>(at - 1) !== byte + 2;
      if (opened && leads) {
        onPath = depth;
        places[depth] = 0;
      }
    } else at = afterScalar(byte, at, end);
    if (at === 0) return false;
    if (!opened) {
      at = afterEnds(at, end);
      if (depth === 0) return at === end || stop(at);
      if (at >= end || load<u8>(at) !== 0x2c) return stop(at);
      at++;
    }
    isTarget = false;
    leads = false;
    if (isObject(depth - 1)) {
      at = afterName(at, end);
      if (at === 0) return false;
    }
    if (depth === onPath && isWanted(unchecked(segments[depth - 1]))) {
      // of members with the same name the last counts
      foundStart = 0;
      isTarget = depth === segments.length;
      leads = !isTarget;
    }
  }
}

/** Past an opening bracket, and past the closing one if that is next (then it is the byte before); 0 when it cannot be. */
function afterBracket(bracket: u8, start: usize, end: usize): usize {
  if (depth >= DEPTH_MAX) {
    tooDeep = true;
    stoppedAt = start;
    return 0;
  }
  const at = spaceEnd(start + 1, end);
  if (at < end && load<u8>(at) === bracket + 2) return at + 1;
  setBit(depth++, bracket === 0x7b);
  // the byte before is the bracket, or white space
  return at;
}

/** Past the white space and the closing brackets behind a value, each of which ends a value too. */
function afterEnds(start: usize, end: usize): usize {
  let at = start;
  while (true) {
    if (depth === targetDepth) {
      foundEnd = at;
      targetDepth = -1;
    }
    at = spaceEnd(at, end);
    if (depth === 0 || at >= end || load<u8>(at) !== (isObject(depth - 1) ? 0x7d : 0x5d)) return at;
    if (onPath === depth) onPath--;
    depth--;
    at++;
  }
}

/** Whether the member or element that comes next in a container on the path is the one that the segment names. */
function isWanted(segment: Segment): bool {
  if (isObject(depth - 1)) return isName(nameStart, nameLength, segment.name);
  const place = places[depth];
  places[depth] = place + 1;
  return place === segment.index;
}

/** Marks where it went wrong. */
function stop(at: usize): bool {
  stoppedAt = at;
  return false;
}

/** As `skipSpace`, quick where there is none. */
function spaceEnd(at: usize, end: usize): usize {
  return at < end && load<u8>(at) <= 0x20 ? skipSpace(at, end) : at;
}

function setBit(index: i32, on: bool): void {
  const place = stack + (index >> 3);
  const bit = 1 << (index & 7);
  store<u8>(place, on ? load<u8>(place) | bit : load<u8>(place) & ~bit);
}

function isObject(index: i32): bool {
  return (load<u8>(stack + (index >> 3)) & (1 << (index & 7))) !== 0;
}

/** Past the name of a member and its colon; 0 when there is none. */
function afterName(start: usize, end: usize): usize {
  let at = spaceEnd(start, end);
  if (at >= end || load<u8>(at) !== 0x22) {
    stoppedAt = at;
    return 0;
  }
  nameStart = at + 1;
  at = afterString(nameStart, end);
  if (at === 0) return 0;
  nameLength = <i32>(at - nameStart) - 1;
  at = spaceEnd(at, end);
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
