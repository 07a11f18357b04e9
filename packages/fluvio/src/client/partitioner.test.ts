import { describe, expect, it } from "vitest";
import { PartitionPicker, type PartitionView } from "./partitioner.ts";

const VALUE = new Uint8Array(0);
const key = (text: string) => new TextEncoder().encode(text);

function view(count: number, online: readonly number[]): PartitionView {
  return { knownPartitionCount: () => count, onlinePartitions: () => online };
}

describe("PartitionPicker", () => {
  it("takes turns over the partitions that are online when there is no key", () => {
    const picker = new PartitionPicker("t", undefined, () => view(5, [0, 2, 4]));
    const picked = Array.from({ length: 6 }, () => picker.pick(undefined, VALUE, undefined, 0));
    expect([...picked.slice(0, 3)].sort()).toEqual([0, 2, 4]);
    expect(picked.slice(3)).toEqual(picked.slice(0, 3));
  });

  it("puts a key where the clients of the original put it", () => {
    const picker = new PartitionPicker("t", undefined, () => view(10, [0]));
    // the hash of "hello" is 0xd17f96bd0852ce12, that of no bytes 0xe849e8bb6ffe2567
    expect(picker.pick(key("hello"), VALUE, undefined, 0)).toBe(Number(0xd17f96bd0852ce12n % 10n));
    expect(picker.pick(key(""), VALUE, undefined, 0)).toBe(Number(0xe849e8bb6ffe2567n % 10n));
  });

  it("prefers the record's partition to the producer's, and both to the key", () => {
    const fixed = new PartitionPicker("t", 1, () => view(4, [0, 1, 2, 3]));
    expect(fixed.pick(key("hello"), VALUE, undefined, 0)).toBe(1);
    expect(fixed.pick(key("hello"), VALUE, 3, 0)).toBe(3);
    const own = new PartitionPicker(
      "t",
      ({ partitionCount }) => partitionCount - 1,
      () => view(4, [0]),
    );
    expect(own.pick(undefined, VALUE, undefined, 0)).toBe(3);
  });

  it("looks again after a second, and at once for a partition it does not know", () => {
    let count = 1;
    const picker = new PartitionPicker("t", undefined, () => view(count, [0]));
    expect(picker.pick(undefined, VALUE, undefined, 0)).toBe(0);
    expect(() => picker.pick(undefined, VALUE, 1, 0)).toThrow(
      expect.objectContaining({ code: "FLV_PARTITION_NOT_FOUND", message: "Partition not found: t-1" }),
    );
    count = 2;
    expect(picker.pick(undefined, VALUE, 1, 0)).toBe(1);
  });
});
