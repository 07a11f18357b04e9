import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hashKey, partitionForKey } from "./index.ts";

const MASK = (1n << 64n) - 1n;
const rotl = (x: bigint, n: bigint) => ((x << n) | (x >> (64n - n))) & MASK;

/** SipHash-2-4 with key (0, 0) as its authors describe it, in 64-bit arithmetic. */
function sipHash24(bytes: Uint8Array): bigint {
  let [v0, v1, v2, v3] = [0x736f6d6570736575n, 0x646f72616e646f6dn, 0x6c7967656e657261n, 0x7465646279746573n];
  const rounds = (count: number) => {
    for (let i = 0; i < count; i++) {
      v0 = (v0 + v1) & MASK;
      v1 = rotl(v1, 13n) ^ v0;
      v0 = rotl(v0, 32n);
      v2 = (v2 + v3) & MASK;
      v3 = rotl(v3, 16n) ^ v2;
      v0 = (v0 + v3) & MASK;
      v3 = rotl(v3, 21n) ^ v0;
      v2 = (v2 + v1) & MASK;
      v1 = rotl(v1, 17n) ^ v2;
      v2 = rotl(v2, 32n);
    }
  };
  const padded = new Uint8Array((bytes.length & ~7) + 8);
  padded.set(bytes);
  padded[padded.length - 1] = bytes.length;
  const view = new DataView(padded.buffer);
  for (let at = 0; at < padded.length; at += 8) {
    const word = view.getBigUint64(at, true);
    v3 ^= word;
    rounds(2);
    v0 ^= word;
  }
  v2 ^= 0xffn;
  rounds(4);
  return v0 ^ v1 ^ v2 ^ v3;
}

function reference(key: Uint8Array): bigint {
  const prefixed = new Uint8Array(8 + key.length);
  new DataView(prefixed.buffer).setBigUint64(0, BigInt(key.length), true);
  prefixed.set(key, 8);
  return sipHash24(prefixed);
}

describe("the hash of a key", () => {
  it("is the one of 64-bit arithmetic, for keys of every length", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 70 }), (key) => {
        const { high, low } = hashKey(key);
        expect((BigInt(high) << 32n) | BigInt(low)).toBe(reference(key));
      }),
      { numRuns: 500 },
    );
  });

  it("chooses the partition by its remainder", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 20 }), fc.integer({ min: 1, max: 100_000 }), (key, count) => {
        expect(partitionForKey(key, count)).toBe(Number(reference(key) % BigInt(count)));
      }),
    );
  });
});
