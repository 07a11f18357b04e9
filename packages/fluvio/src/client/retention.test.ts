import { afterAll, beforeAll, expect, it } from "vitest";
import type { Logger } from "../protocol/index.ts";
import { type Clock, systemClock } from "../server/index.ts";
import type { Fluvio } from "./fluvio.ts";
import { drain, useTestCluster } from "./testing/cluster.ts";

/** How far the cluster's clock is ahead. */
let aheadMs = 0;
const clock: Clock = { ...systemClock, nowMs: () => systemClock.nowMs() + aheadMs };
const cluster = useTestCluster({ retentionCheckMs: 50, clock });
const warnings: string[] = [];
const ignore = () => {};
const logger: Logger = {
  debug: ignore,
  info: ignore,
  warn: (_, sentence) => warnings.push(sentence),
  error: ignore,
  child: () => logger,
};
let fluvio: Fluvio;

beforeAll(async () => {
  fluvio = await cluster.connect({ logger });
});
afterAll(() => fluvio.close());

/** Waits until the oldest records are gone; gives the offset of the oldest that is left. */
async function evicted(topic: string, atLeast: number): Promise<number> {
  for (;;) {
    const [partition] = await fluvio.partitionOffsets(topic);
    if (partition !== undefined && partition.startOffset >= atLeast) return partition.startOffset;
  }
}

const limits = [
  { name: "time", retentionSeconds: 10, segmentSizeBytes: 1024 },
  { name: "size", segmentSizeBytes: 1024, maxPartitionSizeBytes: 4096 },
] as const;

it.each(limits)(
  "by $name deletes the oldest; who wanted them goes on behind with a warning, or gets an error",
  async ({ name, ...settings }) => {
    const topic = await fluvio.admin().createTopic(`by-${name}`, settings);
    await using producer = await fluvio.topicProducer(topic, { batchSizeBytes: 300 });
    await producer.sendAll(Array.from({ length: 100 }, () => ({ value: "x".repeat(100) })));
    await producer.flush();
    aheadMs = 60_000;
    const start = await evicted(topic, 50);
    warnings.length = 0;

    const options = { topic, offset: { absolute: 0 }, disableContinuous: true } as const;
    const offsets = (await drain(await fluvio.consumer(options))).map(({ offset }) => offset);
    expect(warnings).toEqual(
      expect.arrayContaining([expect.stringContaining("records were deleted before they were read")]),
    );
    for (const [index, offset] of offsets.entries()) {
      expect(offset).toBeGreaterThanOrEqual(start);
      if (index > 0) expect(offset).toBe((offsets[index - 1] ?? 0) + 1);
    }
    if (name === "size") expect(offsets.at(-1)).toBe(99);
    await expect(drain(await fluvio.consumer({ ...options, strictOffset: true }))).rejects.toMatchObject({
      code: "FLV_OFFSET_EVICTED",
      details: expect.objectContaining({ offset: 0, nextAvailable: expect.any(Number) }),
    });
    expect((await (await producer.send(undefined, "next")).wait()).offset).toBe(100);
  },
);
