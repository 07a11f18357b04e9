import fc from "fast-check";
import { assert, BatchBuilder, type BatchCompression, type BatchRecord } from "../index.ts";

export const NOW_MS = 1_700_000_000_000;

const inputArbitrary = fc.record({
  key: fc.option(fc.uint8Array({ maxLength: 90 }), { nil: undefined }),
  value: fc.uint8Array({ maxLength: 300 }),
  timestampMs: fc.integer({ min: NOW_MS - 1e9, max: NOW_MS + 1e9 }),
});
export const inputs = fc.array(inputArbitrary, { minLength: 1, maxLength: 30 });

export function build(
  records: readonly Pick<BatchRecord, "key" | "value" | "timestampMs">[],
  codec: BatchCompression = "none",
) {
  const builder = new BatchBuilder({ initialBytes: 100 });
  for (const { key, value, timestampMs } of records)
    assert(builder.append(key, value, timestampMs), "the records fit in one batch");
  return builder.build(codec);
}

export function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}
