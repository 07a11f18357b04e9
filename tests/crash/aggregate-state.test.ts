import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { Fluvio, type TopicProducer } from "../../packages/fluvio/src/client/index.ts";
import { buildAs } from "../fixtures/build-as.ts";
import { freePort } from "../free-port.ts";
import { startCluster } from "./running-cluster.ts";

/** A round reads all that the rounds before have stored: fewer of them than of those that only write. */
const ROUNDS = Math.ceil(Number(process.env.CRASH_ROUNDS ?? 5) / 5);
const KILL_AFTER_MS_MAX = 400;
const TOPIC = "numbers";
const STATE = "total";
const PARTITIONS = 2;
const VALUES_PER_SEND = 20;

/** Sends batches of ones until the cluster is gone. */
async function produceUntilKilled(fluvio: Fluvio): Promise<void> {
  let producer: TopicProducer | undefined;
  try {
    producer = await fluvio.topicProducer(TOPIC, { retry: { timeoutMs: 0 } });
    for (let n = 0; ; n++) {
      const records = Array.from({ length: VALUES_PER_SEND }, () => ({
        value: String(1 + (n % 7)),
        partition: n % PARTITIONS,
      }));
      await producer.sendAll(records);
      if (n % 5 === 0) await producer.flush();
    }
  } catch {
    await producer?.close().catch(() => {
      // tells again what was not acknowledged
    });
  }
}

/** Sums up through the module until the cluster is gone. */
async function sumUntilKilled(fluvio: Fluvio): Promise<void> {
  try {
    const smartmodules = [{ name: "sum", state: STATE }];
    // small replies: many commits for the kill to come between
    const options = {
      topic: TOPIC,
      offset: "beginning",
      smartmodules,
      maxBytes: 500,
      retry: { timeoutMs: 0 },
    } as const;
    const consumer = await fluvio.consumer(options);
    for await (const _ of consumer.batches()) {
      // each reply is committed when the next is asked for
    }
  } catch {
    // the cluster was killed
  }
}

/** What the accumulators must be: the sums of the stored records, without interruption. */
async function storedSums(fluvio: Fluvio): Promise<number[]> {
  const sums = Array.from({ length: PARTITIONS }, () => 0);
  const consumer = await fluvio.consumer({ topic: TOPIC, offset: "beginning", disableContinuous: true });
  for await (const { partition, value } of consumer) sums[partition]! += Number(new TextDecoder().decode(value));
  return sums;
}

/** By partition; of one that has no state yet 0. */
async function accumulators(fluvio: Fluvio): Promise<number[]> {
  const sums = Array.from({ length: PARTITIONS }, () => 0);
  for (const { partition, modules } of await fluvio.admin().aggregateStates({ name: STATE, contents: true })) {
    sums[partition] = Number(new TextDecoder().decode(modules[0]?.accumulator));
  }
  return sums;
}

/** However early the first kill comes, every partition has something to sum. */
async function produceToEach(fluvio: Fluvio): Promise<void> {
  const producer = await fluvio.topicProducer(TOPIC);
  for (let partition = 0; partition < PARTITIONS; partition++) await producer.sendRecord("1", partition);
  await producer.close();
}

async function survive(rounds: number, spuCount: number): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "fluvio-crash-state-"));
  const place = { folder, scPort: await freePort(), spuPort: await freePort(spuCount), spuCount };
  let cluster = await startCluster(place);
  await cluster.fluvio.admin().createTopic(TOPIC, { partitions: PARTITIONS });
  await cluster.fluvio.admin().createSmartModule("sum", await buildAs("aggregate"));
  await produceToEach(cluster.fluvio);
  for (let round = 0; round < rounds; round++) {
    const { fluvio } = cluster;
    const work = [produceUntilKilled(fluvio), sumUntilKilled(fluvio)];
    await new Promise<void>((kill) => setTimeout(kill, 50 + Math.random() * KILL_AFTER_MS_MAX));
    await cluster.kill();
    await Promise.all(work);
    await fluvio.close();
    cluster = await startCluster(place);
    const found = await storedSums(cluster.fluvio);
    // where it stood when it was killed fits what it had seen
    const before = await accumulators(cluster.fluvio);
    for (const [index, sum] of before.entries()) expect(sum).toBeLessThanOrEqual(found[index] as number);
    const smartmodules = [{ name: "sum", state: STATE }];
    const options = { topic: TOPIC, offset: "beginning", smartmodules, disableContinuous: true } as const;
    const rest = await cluster.fluvio.consumer(options);
    for await (const _ of rest.batches()) {
      // to the end
    }
    expect(await accumulators(cluster.fluvio)).toEqual(found);
  }
  await cluster.fluvio.close();
  await cluster.kill();
  await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
}

test.each([1, 2])(
  `a sum with a kept state over a cluster of %i SPUs killed ${ROUNDS} times is the sum of the stored records, exactly`,
  (spuCount) => survive(ROUNDS, spuCount),
  120_000 + ROUNDS * 30_000,
);

test(
  `a consumer that lives through ${ROUNDS} kills of a cluster of 2 SPUs goes on each time, and its sum is exact`,
  async () => {
    const folder = await mkdtemp(join(tmpdir(), "fluvio-crash-state-"));
    const place = { folder, scPort: await freePort(), spuPort: await freePort(2), spuCount: 2 };
    let cluster = await startCluster(place);
    await cluster.fluvio.admin().createTopic(TOPIC, { partitions: PARTITIONS });
    await cluster.fluvio.admin().createSmartModule("sum", await buildAs("aggregate"));
    await produceToEach(cluster.fluvio);
    const fluvio = await Fluvio.connect({ address: `127.0.0.1:${place.scPort}` });
    const consumer = await fluvio.consumer({
      ...{ topic: TOPIC, offset: "beginning", maxBytes: 500 },
      smartmodules: [{ name: "sum", state: STATE }],
      retry: { maxDelayMs: 100 },
    });
    const last = new Map<number, { readonly offset: number; readonly sum: number }>();
    const reading = (async () => {
      for await (const { partition, offset, value } of consumer) {
        // what is given out goes on without a repetition or a gap, across every kill
        expect(offset).toBe((last.get(partition)?.offset ?? -1) + 1);
        last.set(partition, { offset, sum: Number(new TextDecoder().decode(value)) });
      }
    })();
    for (let round = 0; round < ROUNDS; round++) {
      const producing = produceUntilKilled(cluster.fluvio);
      await new Promise<void>((kill) => setTimeout(kill, 50 + Math.random() * KILL_AFTER_MS_MAX));
      await cluster.kill();
      await producing;
      await cluster.fluvio.close();
      cluster = await startCluster(place);
    }
    const found = await storedSums(cluster.fluvio);
    const isDone = () => found.every((sum, partition) => last.get(partition)?.sum === sum);
    await vi.waitFor(() => expect(isDone()).toBe(true), { timeout: 60_000 });
    await vi.waitFor(async () => expect(await accumulators(cluster.fluvio)).toEqual(found), { timeout: 30_000 });
    await consumer.close();
    await reading;
    await fluvio.close();
    await cluster.fluvio.close();
    await cluster.kill();
    await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  },
  120_000 + ROUNDS * 30_000,
);
