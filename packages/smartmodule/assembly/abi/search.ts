/** Finds bytes in bytes, sixteen places at a time. */

/** Where the needle begins first, or 0. The needle has at least one byte. */
export function find(ptr: usize, size: usize, needle: usize, needleSize: usize): usize {
  if (needleSize > size) return 0;
  if (needleSize === 1) return findByte(ptr, ptr + size, load<u8>(needle));
  const last = ptr + size - needleSize;
  const toFinal = needleSize - 1;
  const first = i8x16.splat(load<i8>(needle));
  const final = i8x16.splat(load<i8>(needle + toFinal));
  let at = ptr;
  while (at <= last) {
    if (at + 15 > last) {
      // the last places again, together with some before them
      if (last - ptr < 15) return findSlowly(at, last, needle, needleSize);
      at = last - 15;
    }
    let mask = i8x16.bitmask(v128.and(i8x16.eq(v128.load(at), first), i8x16.eq(v128.load(at + toFinal), final)));
    while (mask) {
      const place = at + ctz(mask);
      if (same(place + 1, needle + 1, needleSize - 1)) return place;
      mask &= mask - 1;
    }
    at += 16;
  }
  return 0;
}

function findSlowly(from: usize, last: usize, needle: usize, needleSize: usize): usize {
  const first = load<u8>(needle);
  for (let at = from; at <= last; at++) {
    if (load<u8>(at) === first && same(at + 1, needle + 1, needleSize - 1)) return at;
  }
  return 0;
}

/** Where a byte is first, or 0. */
export function findByte(ptr: usize, end: usize, byte: u8): usize {
  const all = i8x16.splat(byte);
  let at = ptr;
  while (at + 16 <= end) {
    const mask = i8x16.bitmask(i8x16.eq(v128.load(at), all));
    if (mask) return at + ctz(mask);
    at += 16;
  }
  while (at < end) {
    if (load<u8>(at) === byte) return at;
    at += 1;
  }
  return 0;
}

/** Whether bytes are the same. */
export function same(a: usize, b: usize, size: usize): bool {
  while (size >= 8) {
    if (load<u64>(a) !== load<u64>(b)) return false;
    a += 8;
    b += 8;
    size -= 8;
  }
  while (size > 0) {
    if (load<u8>(a++) !== load<u8>(b++)) return false;
    size -= 1;
  }
  return true;
}
