import { afterEach, expect, it } from "vitest";
import { TestCluster, text } from "./testing/cluster.ts";

const clusters: TestCluster[] = [];
afterEach(async () => {
  for (const cluster of clusters.splice(0)) await cluster.remove();
});

it("goes on where it was when an SPU process is killed, and loses nothing that was acknowledged", {
  timeout: 180_000,
}, async () => {
  const cluster = new TestCluster({ spuCount: 3, spuLogLevel: "fatal" });
  clusters.push(cluster);
  await cluster.start();
  await using fluvio = await cluster.connect();
  const topic = await fluvio.admin().createTopic("spread", { partitions: 6 });
  const partitions = await fluvio.admin().listPartitions();
  expect(new Set(partitions.map(({ spec }) => spec.leader))).toEqual(new Set([5001, 5002, 5003]));

  const producer = await fluvio.topicProducer(topic, { batchSizeBytes: 500 });
  const consumer = await fluvio.consumer({ topic, offset: "beginning" });
  const acknowledged = new Map<string, string>();
  const produce = async (from: number, to: number) => {
    const sent = Array.from({ length: to - from }, (_, i) => [`${from + i}`, `value ${from + i}`] as const);
    const outputs = await producer.sendAll(sent);
    return outputs.map(async (output, i) => {
      const { partition, offset } = await output.wait();
      acknowledged.set(`${partition}/${offset}`, sent[i]?.[1] ?? "");
    });
  };
  const before = await produce(0, 3000);
  const during = await produce(3000, 6000);
  const victim = cluster.cluster.spus.find(({ id }) => id === 5002);
  process.kill(victim?.processId ?? 0, "SIGKILL");
  const after = await produce(6000, 9000);
  await Promise.all([...before, ...during, ...after]);
  expect(acknowledged.size).toBe(9000);

  // a record that was written but not acknowledged is sent, and read, again
  const missing = new Map(acknowledged);
  const next = new Map<number, number>();
  for await (const { partition, offset, value } of consumer) {
    expect(offset).toBe(next.get(partition) ?? 0);
    next.set(partition, offset + 1);
    const place = `${partition}/${offset}`;
    if (missing.has(place)) expect(text(value)).toBe(missing.get(place));
    missing.delete(place);
    if (missing.size === 0) break;
  }
  expect(missing.size).toBe(0);
  await producer.close();
});
