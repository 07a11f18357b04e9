import { afterAll, beforeAll } from "vitest";
import type { Fluvio } from "../fluvio.ts";
import type { ConsumerOptions } from "../types.ts";
import { drain, text, useTestCluster } from "./cluster.ts";

/** Of each module, in the cluster of {@link useModuleCluster}. */
export const MEMORY_BYTES_MAX = 64 * 1024 * 1024;

/** A cluster with a low limit on the memory of SmartModules, its client, and topics for them. */
export function useModuleCluster() {
  const cluster = useTestCluster({ engineLimits: { memoryBytesMax: MEMORY_BYTES_MAX } });
  const state: { fluvio?: Fluvio } = {};
  beforeAll(async () => {
    state.fluvio = await cluster.connect();
  });
  afterAll(() => state.fluvio?.close());
  const fluvio = () => state.fluvio as Fluvio;

  const topicWith = async (values: readonly string[]): Promise<string> => {
    const topic = await fluvio().admin().createTopic(cluster.topicName());
    await using producer = await fluvio().topicProducer(topic);
    await producer.sendAll(values.map((value) => ({ value })));
    return topic;
  };
  /** Values of what is there now, from the beginning. */
  const consumed = async (options: ConsumerOptions): Promise<(string | undefined)[]> => {
    const consumer = await fluvio().consumer({ offset: "beginning", disableContinuous: true, ...options });
    return (await drain(consumer)).map((record) => text(record.value));
  };
  return { cluster, fluvio, topicWith, consumed };
}
