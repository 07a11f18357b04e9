/** MurmurHash3 for 64-bit machines, 128 bits (Austin Appleby, public domain), with a seed of 0. */

const C1: u64 = 0x87c37b91114253d5;
const C2: u64 = 0x4cf5ad432745937f;

/** The two halves of the hash that was made last. */
export let hashLow: u64 = 0;
export let hashHigh: u64 = 0;

export function hash(ptr: usize, length: i32): void {
  let low: u64 = 0;
  let high: u64 = 0;
  const blocksEnd = ptr + (<usize>length & ~15);
  for (let at = ptr; at < blocksEnd; at += 16) {
    low = (rotl(low ^ mixLow(load<u64>(at)), 27) + high) * 5 + 0x52dce729;
    high = (rotl(high ^ mixHigh(load<u64>(at, 8)), 31) + low) * 5 + 0x38495ab5;
  }
  const rest = length & 15;
  if (rest > 8) high ^= mixHigh(tail(blocksEnd + 8, rest - 8));
  if (rest > 0) low ^= mixLow(tail(blocksEnd, min(rest, 8)));
  low ^= <u64>length;
  high ^= <u64>length;
  low += high;
  high += low;
  low = finish(low);
  high = finish(high);
  hashLow = low + high;
  hashHigh = high + low + high;
}

function mixLow(word: u64): u64 {
  return rotl(word * C1, 31) * C2;
}

function mixHigh(word: u64): u64 {
  return rotl(word * C2, 33) * C1;
}

/** Up to eight bytes as a little-endian number. */
function tail(ptr: usize, length: i32): u64 {
  let word: u64 = 0;
  for (let i = length - 1; i >= 0; i--) word = (word << 8) | <u64>load<u8>(ptr + <usize>i);
  return word;
}

function finish(given: u64): u64 {
  let word = given ^ (given >> 33);
  word *= 0xff51afd7ed558ccd;
  word ^= word >> 33;
  word *= 0xc4ceb9fe1a85ec53;
  return word ^ (word >> 33);
}
