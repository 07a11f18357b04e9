import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
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
