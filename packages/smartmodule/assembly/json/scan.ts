/** Ways through JSON that are quick because they check nothing: of bytes that are no JSON they give something, or nothing. */

const QUOTE: u8 = 0x22;
const BACKSLASH: u8 = 0x5c;

// @ts-ignore: decorator
@inline
export function isJsonSpace(byte: u8): bool {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

// @ts-ignore: decorator
@inline
export function isDigit(byte: u8): bool {
  return <u8>(byte - 0x30) < 10;
}

// @ts-ignore: decorator
@inline
export function skipSpace(ptr: usize, end: usize): usize {
  while (ptr < end && isJsonSpace(load<u8>(ptr))) ptr += 1;
  return ptr;
}

/** From behind the opening quote of a string to its closing quote, or `end`. */
export function findStringEnd(ptr: usize, end: usize): usize {
  const quote = i8x16.splat(QUOTE);
  const backslash = i8x16.splat(BACKSLASH);
  while (ptr < end) {
    if (ptr + 16 <= end) {
      const bytes = v128.load(ptr);
      const mask = i8x16.bitmask(v128.or(i8x16.eq(bytes, quote), i8x16.eq(bytes, backslash)));
      if (!mask) {
        ptr += 16;
        continue;
      }
      ptr += ctz(mask);
    }
    const byte = load<u8>(ptr);
    if (byte === QUOTE) return ptr;
    ptr += byte === BACKSLASH ? 2 : 1;
  }
  return end;
}

/** From the first byte of a value to behind its last one. */
export function skipValue(ptr: usize, end: usize): usize {
  if (ptr >= end) return end;
  const first = load<u8>(ptr);
  if (first === QUOTE) return min(findStringEnd(ptr + 1, end) + 1, end);
  if ((first | 0x20) === 0x7b) return skipNested(ptr, end);
  return skipWord(ptr, end);
}

/** A number or a word: up to what cannot be part of it. */
function skipWord(ptr: usize, end: usize): usize {
  while (ptr < end) {
    const byte = load<u8>(ptr);
    if (byte === 0x2c || (byte | 0x20) === 0x7d || isJsonSpace(byte)) break;
    ptr += 1;
  }
  return ptr;
}

/** An object or array with all that is in it: brackets are counted, what is in strings is not. */
function skipNested(ptr: usize, end: usize): usize {
  const quote = i8x16.splat(QUOTE);
  const open = i8x16.splat(0x7b);
  const close = i8x16.splat(0x7d);
  const caseBit = i8x16.splat(0x20);
  let depth = 0;
  while (ptr < end) {
    if (ptr + 16 <= end) {
      const bytes = v128.load(ptr);
      const folded = v128.or(bytes, caseBit);
      const isPart = v128.or(i8x16.eq(bytes, quote), v128.or(i8x16.eq(folded, open), i8x16.eq(folded, close)));
      const mask = i8x16.bitmask(isPart);
      if (!mask) {
        ptr += 16;
        continue;
      }
      ptr += ctz(mask);
    }
    const byte = load<u8>(ptr);
    const folded = byte | 0x20;
    if (byte === QUOTE) ptr = findStringEnd(ptr + 1, end);
    else if (folded === 0x7b) depth += 1;
    else if (folded === 0x7d) {
      depth -= 1;
      if (depth === 0) return ptr + 1;
    }
    ptr += 1;
  }
  return end;
}
