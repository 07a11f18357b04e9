/** A 64-bit hash as two unsigned halves. */
export interface Hash64 {
  readonly high: number;
  readonly low: number;
}

/**
 * Hash of a record key: SipHash-2-4 with key (0, 0) over the key's length (u64, little-endian) and its bytes, as the
 * original's partitioner does. 64-bit words are pairs of 32-bit halves: `v0h` the high, `v0l` the low half of v0.
 */
export function hashKey(key: Uint8Array): Hash64 {
  let v0h = 0x736f6d65;
  let v0l = 0x70736575;
  let v1h = 0x646f7261;
  let v1l = 0x6e646f6d;
  let v2h = 0x6c796765;
  let v2l = 0x6e657261;
  let v3h = 0x74656462;
  let v3l = 0x79746573;

  const wholeWords = key.length >>> 3;
  // word 0 is the length, then the key's whole words, its rest with the total length, and the finalisation
  const last = wholeWords + 1;
  for (let word = 0; word <= last + 1; word++) {
    let mh = 0;
    let ml = 0;
    let rounds = 2;
    if (word === 0) {
      ml = key.length;
    } else if (word < last) {
      const at = (word - 1) << 3;
      ml = littleEndian32(key, at);
      mh = littleEndian32(key, at + 4);
    } else if (word === last) {
      const at = wholeWords << 3;
      ml = littleEndianRest(key, at);
      mh = littleEndianRest(key, at + 4) | ((key.length + 8) << 24);
    } else {
      v2l ^= 0xff;
      rounds = 4;
    }
    v3h ^= mh;
    v3l ^= ml;
    for (let round = 0; round < rounds; round++) {
      let sum = (v0l >>> 0) + (v1l >>> 0);
      v0h = (v0h + v1h + (sum > 0xffffffff ? 1 : 0)) | 0;
      v0l = sum | 0;
      let high = (v1h << 13) | (v1l >>> 19);
      v1l = ((v1l << 13) | (v1h >>> 19)) ^ v0l;
      v1h = high ^ v0h;
      high = v0h;
      v0h = v0l;
      v0l = high;

      sum = (v2l >>> 0) + (v3l >>> 0);
      v2h = (v2h + v3h + (sum > 0xffffffff ? 1 : 0)) | 0;
      v2l = sum | 0;
      high = (v3h << 16) | (v3l >>> 16);
      v3l = ((v3l << 16) | (v3h >>> 16)) ^ v2l;
      v3h = high ^ v2h;

      sum = (v0l >>> 0) + (v3l >>> 0);
      v0h = (v0h + v3h + (sum > 0xffffffff ? 1 : 0)) | 0;
      v0l = sum | 0;
      high = (v3h << 21) | (v3l >>> 11);
      v3l = ((v3l << 21) | (v3h >>> 11)) ^ v0l;
      v3h = high ^ v0h;

      sum = (v2l >>> 0) + (v1l >>> 0);
      v2h = (v2h + v1h + (sum > 0xffffffff ? 1 : 0)) | 0;
      v2l = sum | 0;
      high = (v1h << 17) | (v1l >>> 15);
      v1l = ((v1l << 17) | (v1h >>> 15)) ^ v2l;
      v1h = high ^ v2h;
      high = v2h;
      v2h = v2l;
      v2l = high;
    }
    v0h ^= mh;
    v0l ^= ml;
  }
  return { high: (v0h ^ v1h ^ v2h ^ v3h) >>> 0, low: (v0l ^ v1l ^ v2l ^ v3l) >>> 0 };
}

function littleEndian32(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)
  );
}

/** Up to four bytes at `at`; what lies past the end counts as 0. */
function littleEndianRest(bytes: Uint8Array, at: number): number {
  let value = 0;
  const end = Math.min(at + 4, bytes.length);
  for (let i = at; i < end; i++) value |= (bytes[i] as number) << ((i - at) << 3);
  return value;
}

/** Partition of a record with this key: its hash modulo the number of partitions, as the original's producers do. */
export function partitionForKey(key: Uint8Array, partitionCount: number): number {
  if (partitionCount <= 1) return 0;
  const { high, low } = hashKey(key);
  return ((high % partitionCount) * (4294967296 % partitionCount) + (low % partitionCount)) % partitionCount;
}
