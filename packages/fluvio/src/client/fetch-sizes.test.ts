import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { buildAs } from "../../../../tests/fixtures/build-as.ts";
import type { Fluvio } from "./fluvio.ts";
import { drain, useTestCluster } from "./testing/cluster.ts";
import type { CompressionName } from "./types.ts";

const cluster = useTestCluster();
let fluvio: Fluvio;

beforeAll(async () => {
  fluvio = await cluster.connect();
});
afterAll(() => fluvio.close());

it("gives every record once and in order, whatever the batch and fetch sizes", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        recordBytes: fc.integer({ min: 0, max: 5000 }),
        count: fc.integer({ min: 1, max: 150 }),
        batchSizeBytes: fc.integer({ min: 1, max: 200_000 }),
        maxBytes: fc.integer({ min: 1, max: 300_000 }),
        compression: fc.constantFrom<CompressionName>("none", "gzip", "snappy", "lz4", "zstd"),
        start: fc.nat({ max: 200 }),
      }),
      async ({ recordBytes, count, batchSizeBytes, maxBytes, compression, start }) => {
        const topic = await fluvio.admin().createTopic(cluster.topicName());
        {
          await using producer = await fluvio.topicProducer(topic, { batchSizeBytes, compression });
          const filler = "f".repeat(recordBytes);
          await producer.sendAll(Array.from({ length: count }, (_, i) => [`${i}`, filler] as const));
        }
        const offset = { fromBeginning: start };
        const consumer = await fluvio.consumer({ topic, offset, maxBytes, disableContinuous: true });
        const offsets = (await drain(consumer)).map((record) => record.offset);
        const first = Math.min(start, count);
        expect(offsets).toEqual(Array.from({ length: count - first }, (_, i) => first + i));
        await fluvio.admin().deleteTopic(topic);
      },
    ),
    { numRuns: 40 },
  );
});

it.each([
  { recordBytes: 10_000_000, batchSizeBytes: 16_384, maxBytes: 1, compression: "none" },
  { recordBytes: 10_000_000, batchSizeBytes: 31_000_000, maxBytes: 1_048_576, compression: "none" },
  { recordBytes: 10_485_760, batchSizeBytes: 1, maxBytes: 100, compression: "gzip" },
  { recordBytes: 0, batchSizeBytes: 1, maxBytes: 1, compression: "none" },
  { recordBytes: 0, batchSizeBytes: 16_384, maxBytes: 1, compression: "zstd" },
] as const)("is not stopped by the largest and smallest records: %j", async (sizes) => {
  const { recordBytes, batchSizeBytes, maxBytes, compression } = sizes;
  const topic = await fluvio.admin().createTopic(cluster.topicName());
  const limits = { batchSizeBytes, maxRequestSizeBytes: 40_000_000 };
  const producer = await fluvio.topicProducer(topic, { ...limits, compression });
  await producer.sendAll([1, 2, 3].map((fill) => ({ value: new Uint8Array(recordBytes).fill(fill) })));
  await producer.close();
  const consumer = await fluvio.consumer({ topic, offset: "beginning", maxBytes, disableContinuous: true });
  const found = (await drain(consumer)).map(({ offset, value }) => [offset, value.length, value.at(-1)]);
  const last = (fill: number) => (recordBytes === 0 ? undefined : fill);
  expect(found).toEqual([1, 2, 3].map((fill, offset) => [offset, recordBytes, last(fill)]));
  await fluvio.admin().deleteTopic(topic);
});

it("gives what a filter keeps once, in order and with its offset, whatever the batch and fetch sizes", async () => {
  const smartmodules = [{ wasm: await buildAs("filter") }];
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        keeps: fc.array(fc.boolean(), { minLength: 1, maxLength: 150 }),
        recordBytes: fc.integer({ min: 1, max: 3000 }),
        batchSizeBytes: fc.integer({ min: 1, max: 50_000 }),
        maxBytes: fc.integer({ min: 1, max: 100_000 }),
        start: fc.nat({ max: 160 }),
      }),
      async ({ keeps, recordBytes, batchSizeBytes, maxBytes, start }) => {
        const topic = await fluvio.admin().createTopic(cluster.topicName());
        {
          await using producer = await fluvio.topicProducer(topic, { batchSizeBytes });
          await producer.sendAll(keeps.map((kept) => ({ value: (kept ? "a" : "x").repeat(recordBytes) })));
        }
        const offset = { fromBeginning: start };
        const consumer = await fluvio.consumer({ topic, offset, maxBytes, smartmodules, disableContinuous: true });
        const offsets = (await drain(consumer)).map((record) => record.offset);
        expect(offsets).toEqual(keeps.flatMap((kept, index) => (kept && index >= start ? [index] : [])));
        await fluvio.admin().deleteTopic(topic);
      },
    ),
    { numRuns: 25 },
  );
});
