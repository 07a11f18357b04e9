import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Fluvio } from "../../packages/fluvio/src/client/index.ts";
import { buildAs } from "../fixtures/build-as.ts";
import { freePort } from "../free-port.ts";
import { startCluster } from "./running-cluster.ts";

/** A round reads all that the rounds before have stored: fewer of them than of those that only write. */
const ROUNDS = Math.ceil(Number(process.env.CRASH_ROUNDS ?? 5) / 5);
const KILL_AFTER_MS_MAX = 300;
const TOPIC = "unique";
const REMEMBERED = 20_000;

async function storedValues(fluvio: Fluvio): Promise<string[]> {
  const values: string[] = [];
  const consumer = await fluvio.consumer({ topic: TOPIC, offset: "beginning", disableContinuous: true });
  for await (const { value } of consumer) values.push(new TextDecoder().decode(value));
  return values;
}

test(
  `a deduplicated topic killed ${ROUNDS} times under a producer that sends again has every record once, in order`,
  async () => {
    const folder = await mkdtemp(join(tmpdir(), "fluvio-crash-dedup-"));
    const place = { folder, scPort: await freePort(), spuPort: await freePort(), spuCount: 1 };
    let cluster = await startCluster(place);
    await cluster.fluvio.admin().createSmartModule("dedup", await buildAs("dedup"));
    await cluster.fluvio.admin().createTopic(TOPIC, { deduplication: { count: REMEMBERED, uses: "dedup" } });
    // its own client: it lives on while the cluster is killed and comes back
    const fluvio = await Fluvio.connect({ address: `127.0.0.1:${place.scPort}` });
    const producer = await fluvio.topicProducer(TOPIC, {
      // what may be sent again after a crash is less than the topic remembers
      batchSizeBytes: 2000,
      batchQueueSize: 20,
      retry: { timeoutMs: 120_000, maxDelayMs: 100 },
    });
    let sent = 0;
    let stop = false;
    const producing = (async () => {
      while (!stop) {
        await producer.send(undefined, String(sent++));
        // several batches in flight, and a turn for everybody else
        if (sent % 20 === 0) await new Promise((turn) => setImmediate(turn));
      }
      await producer.flush();
    })();
    for (let round = 0; round < ROUNDS; round++) {
      await new Promise<void>((kill) => setTimeout(kill, 50 + Math.random() * KILL_AFTER_MS_MAX));
      await cluster.kill();
      await cluster.fluvio.close();
      cluster = await startCluster(place);
    }
    stop = true;
    await producing;
    const found = await storedValues(cluster.fluvio);
    // the places where it is not as sent say more than two long lists
    const wrong = found.flatMap((value, at) => (Number(value) === at ? [] : [`${value} at ${at}`]));
    expect(wrong.slice(0, 40)).toEqual([]);
    expect(found.length).toBe(sent);
    await producer.close();
    await fluvio.close();
    await cluster.fluvio.close();
    await cluster.kill();
    await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  },
  120_000 + ROUNDS * 30_000,
);
