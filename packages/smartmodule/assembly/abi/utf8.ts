/** Text as bytes and back, quick where it is ASCII. */
import { OBJECT, TOTAL_OVERHEAD } from "rt/common";

/** Whether `length` bytes at `ptr` are ASCII. */
function isAscii(ptr: usize, length: usize): bool {
  const end = ptr + length;
  while (ptr + 16 <= end) {
    if (v128.bitmask<i8>(v128.load(ptr))) return false;
    ptr += 16;
  }
  while (ptr < end) {
    if (load<u8>(ptr++) > 0x7f) return false;
  }
  return true;
}

/**
 * Address of the first byte that begins no UTF-8 character, or `end`. The shortest form is the only one, halves of
 * surrogate pairs are none, and nothing is above U+10FFFF: as Rust has it.
 */
export function utf8ValidUpTo(ptr: usize, end: usize): usize {
  while (ptr < end) {
    while (ptr + 16 <= end && !v128.bitmask<i8>(v128.load(ptr))) ptr += 16;
    if (ptr === end) break;
    const first = load<u8>(ptr);
    if (first < 0x80) {
      ptr += 1;
      continue;
    }
    const size = utf8Size(ptr, end);
    if (size <= 0) break;
    ptr += size;
  }
  return ptr;
}

/**
 * Bytes of the character above ASCII that begins at `ptr`. When there is none: minus the count of bytes that are wrong
 * together, or 0 when the bytes end in the middle of a character.
 */
export function utf8Size(ptr: usize, end: usize): i32 {
  const first = load<u8>(ptr);
  if (first < 0xc2 || first > 0xf4) return -1;
  const size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (ptr + 1 >= end) return 0;
  const second = load<u8>(ptr, 1);
  if ((second & 0xc0) !== 0x80) return -1;
  if (first === 0xe0 && second < 0xa0) return -1;
  if (first === 0xed && second > 0x9f) return -1;
  if (first === 0xf0 && second < 0x90) return -1;
  if (first === 0xf4 && second > 0x8f) return -1;
  for (let i = 2; i < size; i++) {
    if (ptr + i >= end) return 0;
    if ((load<u8>(ptr + i) & 0xc0) !== 0x80) return -i;
  }
  return size;
}

/** What keeps bytes from being UTF-8, in the words of Rust's standard library, or null. */
export function utf8Problem(ptr: usize, end: usize): string | null {
  const good = utf8ValidUpTo(ptr, end);
  if (good === end) return null;
  const size = utf8Size(good, end);
  if (size === 0) return `incomplete utf-8 byte sequence from index ${good - ptr}`;
  return `invalid utf-8 sequence of ${-size} bytes from index ${good - ptr}`;
}

/** A text with one character for each byte. */
export function toUnits(ptr: usize, length: i32): string {
  if (length === 0) return "";
  const text = changetype<string>(__new(<usize>length << 1, idof<string>()));
  widen(changetype<usize>(text), ptr, ptr + <usize>length);
  return text;
}

/** The text of UTF-8 bytes; what is no UTF-8 becomes U+FFFD. */
export function decodeUtf8(ptr: usize, length: i32): string {
  if (length === 0) return "";
  const end = ptr + length;
  if (isAscii(ptr, length)) return toUnits(ptr, length);
  if (utf8ValidUpTo(ptr, end) === end) return String.UTF8.decodeUnsafe(ptr, length);
  return decodeLossy(ptr, end);
}

function widen(target: usize, ptr: usize, end: usize): void {
  while (ptr + 16 <= end) {
    const bytes = v128.load(ptr);
    v128.store(target, i16x8.extend_low_i8x16_u(bytes));
    v128.store(target, i16x8.extend_high_i8x16_u(bytes), 16);
    ptr += 16;
    target += 32;
  }
  while (ptr < end) {
    store<u16>(target, load<u8>(ptr++));
    target += 2;
  }
}

function decodeLossy(ptr: usize, end: usize): string {
  let text = "";
  while (ptr < end) {
    const good = utf8ValidUpTo(ptr, end);
    if (good > ptr) text += String.UTF8.decodeUnsafe(ptr, good - ptr);
    if (good === end) break;
    text += "\uFFFD";
    const size = utf8Size(good, end);
    if (size === 0) break;
    ptr = good - size;
  }
  return text;
}

/** Bytes that a text takes in memory, two for each unit. */
// @ts-ignore: decorator
@inline
export function textSize(text: usize): usize {
  return changetype<OBJECT>(text - TOTAL_OVERHEAD).rtSize;
}

/** Upper bound of the bytes of UTF-8 that a text of this size takes. */
// @ts-ignore: decorator
@inline
export function utf8SizeMax(size: usize): usize {
  return (size >>> 1) * 3;
}

/** Writes a text as UTF-8 to where there is room for {@link utf8SizeMax}, and gives its size there. */
export function encodeUtf8(ptr: usize, size: usize, target: usize): usize {
  const start = target;
  const end = ptr + size;
  while (ptr + 16 <= end) {
    const units = v128.load(ptr);
    if (v128.any_true(v128.and(units, i16x8.splat(<i16>0xff80)))) break;
    v128.store64_lane(target, i8x16.narrow_i16x8_u(units, units), 0);
    ptr += 16;
    target += 8;
  }
  while (ptr < end) {
    const unit = load<u16>(ptr);
    if (unit > 0x7f) {
      const rest = <i32>((end - ptr) >>> 1);
      return target - start + String.UTF8.encodeUnsafe(ptr, rest, target, false, String.UTF8.ErrorMode.REPLACE);
    }
    store<u8>(target++, <u8>unit);
    ptr += 2;
  }
  return target - start;
}
