import { describe, expect, it } from "vitest";
import type { ProcessInput, ProcessOutput } from "../../smartengine/index.ts";
import { SPU_LIMITS_DEFAULT } from "./limits.ts";
import { chainSource } from "./stream-source.ts";

/** A source over one record an offset, of which the chain keeps those that `keeps` says; what was given to it. */
function source(connection: { readonly isFlushed: boolean }, keeps: (offset: number) => boolean) {
  const spent: (Uint8Array | undefined)[] = [];
  const made: Uint8Array[] = [];
  const log = {
    read: (offset: number) =>
      Promise.resolve({ pieces: [], sizeBytes: 1, firstOffset: offset, nextOffset: offset + 1 }),
  };
  const chain = {
    process: (input: ProcessInput): Promise<ProcessOutput> => {
      spent.push(input.spent);
      const batches = new Uint8Array(1);
      made.push(batches);
      return Promise.resolve({
        batches,
        recordCount: keeps(input.fromOffset) ? 1 : 0,
        nextOffset: input.fromOffset + 1,
      });
    },
  };
  const options = { maxBytes: 1000, keepsGaps: true, limits: SPU_LIMITS_DEFAULT, connection, closed: () => {} };
  return { made, spent, chained: chainSource(log, chain, options) };
}

describe("what a chain made of a reply", () => {
  it("is used again for the next one when it has left, and never twice", async () => {
    const { made, spent, chained } = source({ isFlushed: true }, (offset) => offset !== 1);
    for (const offset of [0, 1, 3]) expect(await chained.next(offset, 9)).toBeDefined();
    // offset 1 was passed over with the reply of offset 2, of which both are part
    expect(spent).toEqual([undefined, made[0], undefined, made[2]]);
    expect(spent[1]).toBe(made[0]);
    expect(spent[3]).toBe(made[2]);
  });

  it("is left alone while it is on its way, however early it was acknowledged", async () => {
    const connection = { isFlushed: false };
    const { made, spent, chained } = source(connection, () => true);
    await chained.next(0, 9);
    await chained.next(1, 9);
    connection.isFlushed = true;
    await chained.next(2, 9);
    expect(spent).toEqual([undefined, undefined, made[1]]);
    expect(spent[2]).toBe(made[1]);
  });
});
