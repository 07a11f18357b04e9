import { compressionsAlgorithmsByBitmask, createRecordsBatch, Reader, readRecordsBatch } from "@platformatic/kafka";
import { compress } from "fluvio/protocol";
import { expect, test } from "vitest";
import { provideZstd } from "./zstd.ts";

const ZSTD = 4;

test("batches packed with zstd are written and read by the driver, whatever Node has", () => {
  provideZstd();
  const values = Array.from({ length: 1000 }, (_, index) => `value ${index}`);
  const messages = values.map((value) => ({ topic: "t", partition: 0, value: Buffer.from(value) }));
  const bytes = createRecordsBatch(messages, { compression: "zstd" }).buffer;
  expect(bytes.length).toBeLessThan(values.join("").length);
  const batch = readRecordsBatch(Reader.from(bytes));
  expect(batch.attributes & 7).toBe(ZSTD);
  expect(batch.records.map(({ value }) => value?.toString())).toEqual(values);
});

test("what is no zstd is refused", () => {
  provideZstd();
  const packed = Buffer.from(compress("zstd", Buffer.alloc(1000)));
  const { decompressSync } = compressionsAlgorithmsByBitmask[ZSTD] ?? {};
  expect(decompressSync?.(packed)).toHaveLength(1000);
  expect(() => decompressSync?.(packed.subarray(0, 8))).toThrow();
});
