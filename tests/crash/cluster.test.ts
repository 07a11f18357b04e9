import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Fluvio } from "../../packages/fluvio/src/client/index.ts";
import { freePort } from "../free-port.ts";
import { AcknowledgedRecords, type Found, recordValue } from "./acknowledged.ts";
import { startCluster } from "./running-cluster.ts";

const ROUNDS = Number(process.env.CRASH_ROUNDS ?? 2);
/** Everything is read again after each round, so a folder must not grow for ever. */
const ROUNDS_PER_FOLDER = 5;
const PRODUCERS = 8;
const PARTITIONS = 4;
const KILL_AFTER_MS_MAX = 400;
const TOPIC = "crash";

/** Sends until the cluster is gone; notes what was acknowledged. Nothing is sent twice, so nothing may be stored twice. */
async function produceUntilKilled(fluvio: Fluvio, name: string, acknowledged: AcknowledgedRecords): Promise<void> {
  const producer = await fluvio.topicProducer(TOPIC, { retry: { timeoutMs: 0 } });
  const waits: Promise<void>[] = [];
  let killed = false;
  for (let sequence = 0; !killed; sequence += 1) {
    const partition = sequence % PARTITIONS;
    const value = recordValue(name, sequence, "x".repeat(sequence % 500));
    const output = await producer.send(undefined, value, { partition });
    const noted = output.wait().then(
      ({ offset }) => acknowledged.add({ partition: String(partition), offset, value }),
      () => {
        // not acknowledged: it may be there or not
        killed = true;
      },
    );
    waits.push(noted);
    if (sequence % 50 === 0) await noted;
  }
  await Promise.all(waits);
  await producer.close().catch(() => {
    // tells again what was not acknowledged
  });
}

async function readPartition(fluvio: Fluvio, partition: number): Promise<Found[]> {
  const found: Found[] = [];
  const consumer = await fluvio.consumer({
    topic: TOPIC,
    partitions: partition,
    offset: "beginning",
    isolation: "readCommitted",
    disableContinuous: true,
  });
  const decoder = new TextDecoder();
  for await (const record of consumer) found.push({ offset: record.offset, value: decoder.decode(record.value) });
  return found;
}

/** Kills one cluster `rounds` times, each time at a random moment of many producers writing, and checks after each. */
async function survive(rounds: number, spuCount: number): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "fluvio-crash-cluster-"));
  const place = { folder, scPort: await freePort(), spuPort: await freePort(spuCount), spuCount };
  const acknowledged = new AcknowledgedRecords();
  let cluster = await startCluster(place);
  await cluster.fluvio.admin().createTopic(TOPIC, { partitions: PARTITIONS });
  for (let round = 0; round < rounds; round += 1) {
    const before = acknowledged.count;
    const { fluvio } = cluster;
    const producers = Array.from({ length: PRODUCERS }, (_, i) =>
      produceUntilKilled(fluvio, `r${round}p${i}`, acknowledged),
    );
    // however late the first one: there is something to lose
    await expect.poll(() => acknowledged.count).toBeGreaterThan(before);
    await new Promise<void>((kill) => setTimeout(kill, Math.random() * KILL_AFTER_MS_MAX));
    await cluster.kill();
    await Promise.all(producers);
    await fluvio.close();
    cluster = await startCluster(place);
    for (let partition = 0; partition < PARTITIONS; partition += 1) {
      acknowledged.verify(String(partition), await readPartition(cluster.fluvio, partition));
    }
  }
  await cluster.fluvio.close();
  await cluster.kill();
  await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
}

test.each([1, 2])(
  `a cluster of %i SPUs killed ${ROUNDS} times while many producers write keeps every acknowledged record, once, in order`,
  async (spuCount) => {
    for (let left = ROUNDS; left > 0; left -= ROUNDS_PER_FOLDER)
      await survive(Math.min(left, ROUNDS_PER_FOLDER), spuCount);
  },
  120_000 + ROUNDS * 30_000,
);
