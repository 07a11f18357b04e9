import { afterEach, describe, expect, test } from "vitest";
import type { Fluvio } from "../../fluvio/src/client/fluvio.ts";
import { TestCluster } from "../../fluvio/src/client/testing/cluster.ts";
import type { ConnectorDefinition } from "../../fluvio/src/connector/define.ts";
import type { ConnectorConfig } from "../../fluvio/src/connector/file/config.ts";
import type { EndTimeouts } from "../../fluvio/src/connector/run/end-timeouts.ts";
import { RunningConnector } from "./connectors.ts";
import { sinkOf, sourceOf, stopped } from "./definitions.ts";

/** What happens to connectors when the cluster or the topic goes away under them; with clusters of their own. */
const config = (direction: "source" | "sink", more: Partial<ConnectorConfig> = {}): ConnectorConfig => ({
  name: "c",
  type: `scripted-${direction}`,
  topic: "t",
  version: "latest",
  parameters: {},
  secrets: {},
  transforms: [],
  ...(direction === "sink" ? { consumer: { offset: { start: "beginning", strategy: "manual" as const } } } : {}),
  ...more,
});

/** Short, for what cannot be delivered any more. */
const END_TIMEOUTS = { drainMs: 1000 };

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function startedCluster(): Promise<{ cluster: TestCluster; fluvio: Fluvio }> {
  const cluster = new TestCluster({});
  await cluster.start();
  cleanups.push(() => cluster.remove());
  const fluvio = await cluster.connect();
  cleanups.push(() => fluvio.close());
  return { cluster, fluvio };
}

function start(
  cluster: TestCluster,
  definition: ConnectorDefinition,
  own: ConnectorConfig,
  endTimeouts: Partial<EndTimeouts> = {},
): RunningConnector {
  const connector = new RunningConnector(definition, own, cluster.address, undefined, endTimeouts);
  cleanups.push(() => connector.stop().catch(() => {}));
  return connector;
}

/** Numbers from behind the position on, as fast as they are taken. */
const counting = sourceOf(async ({ position, send, checkpoint, signal }) => {
  for (let n = Number(position ?? 0) + 1; !signal.aborted; n++) {
    await send({ value: String(n) });
    checkpoint({ position: n });
    await new Promise(setImmediate);
  }
});

async function valuesIn(fluvio: Fluvio): Promise<number[]> {
  const values: number[] = [];
  await using consumer = await fluvio.consumer({ topic: "t", offset: "beginning", disableContinuous: true });
  for await (const { value } of consumer) values.push(Number(Buffer.from(value).toString()));
  return values;
}

/** Whether the values are 1, 2, 3, … once those that came before are left out. */
function isWhole(values: readonly number[]): boolean {
  let last = 0;
  for (const value of values) {
    if (value > last + 1) return false;
    last = Math.max(last, value);
  }
  return true;
}

const AWAY = /^cannot reach the cluster, trying again: /;

describe("a cluster that restarts", () => {
  test("under a source: it waits, says so, and nothing is lost", async () => {
    const { cluster, fluvio } = await startedCluster();
    const source = start(cluster, counting, config("source"));
    await source.until(() => source.messages.some(({ type }) => type === "running"));
    await expect.poll(() => source.counters.records).toBeGreaterThan(100);
    const ports = await cluster.stop();
    await source.until(() => AWAY.test(source.troubles.at(-1) ?? ""));
    await cluster.start(ports);
    await source.until(() => source.troubles.at(-1) === "");
    const before = source.counters.records;
    await expect.poll(() => source.counters.records).toBeGreaterThan(before + 100);
    await source.stop();
    const values = await valuesIn(fluvio);
    expect(isWhole(values)).toBe(true);
    expect(values.length).toBeGreaterThanOrEqual(source.counters.records);
    expect((await fluvio.admin().connectorPosition("c"))?.position).toBe(source.counters.records);
    const rerun = start(cluster, counting, config("source"));
    await expect.poll(() => rerun.counters.records).toBeGreaterThan(10);
    await rerun.stop();
    expect(isWhole(await valuesIn(fluvio))).toBe(true);
  });

  test("under a sink: it waits, says so, and nothing is lost", async () => {
    const { cluster, fluvio } = await startedCluster();
    await fluvio.admin().createTopic("t");
    const send = async (from: number, to: number) => {
      await using producer = await fluvio.topicProducer("t");
      await producer.sendAll(Array.from({ length: to - from }, (_, n) => ({ value: String(from + n) })));
    };
    const written: number[] = [];
    const sink = start(
      cluster,
      sinkOf(({ deliver }) =>
        deliver(async ({ records }) => {
          for (const { value } of records) written.push(Number(Buffer.from(value).toString()));
        }),
      ),
      config("sink"),
    );
    await send(1, 20);
    await expect.poll(() => written.length).toBe(19);
    const ports = await cluster.stop();
    await sink.until(() => AWAY.test(sink.troubles.at(-1) ?? ""));
    await cluster.start(ports);
    await sink.until(() => sink.troubles.at(-1) === "");
    await send(20, 40);
    await expect.poll(() => written.at(-1)).toBe(39);
    expect(isWhole(written)).toBe(true);
  });

  test("and does not come back: a source that is told to stop ends all the same, and says what it could not do", async () => {
    const { cluster } = await startedCluster();
    const source = start(cluster, counting, config("source"), END_TIMEOUTS);
    await expect.poll(() => source.counters.records).toBeGreaterThan(10);
    await cluster.stop();
    await source.until(() => AWAY.test(source.troubles.at(-1) ?? ""));
    const [ended] = await Promise.allSettled([source.stop()]);
    expect(ended.status).toBe("rejected");
    expect(source.lines.map(({ message }) => message)).toContain("what was in hand could not be delivered");
  });
});

describe("a topic that is deleted", () => {
  test("under a source: it ends with the reason; started again it makes the topic and goes on", async () => {
    const { cluster, fluvio } = await startedCluster();
    const source = start(cluster, counting, config("source"));
    await expect.poll(() => source.counters.records).toBeGreaterThan(10);
    await fluvio.admin().deleteTopic("t");
    await expect(source.done).rejects.toMatchObject({ code: "FLV_TOPIC_DELETED", message: "Topic was deleted: t" });
    const kept = Number((await fluvio.admin().connectorPosition("c"))?.position);
    const again = start(cluster, counting, config("source"));
    await expect.poll(() => again.counters.records).toBeGreaterThan(10);
    await again.stop();
    expect((await valuesIn(fluvio))[0]).toBe(kept + 1);
  });

  test("under a sink: it ends with the reason", async () => {
    const { cluster, fluvio } = await startedCluster();
    await fluvio.admin().createTopic("t");
    let isWriting = (): void => {};
    const began = new Promise<void>((resolve) => {
      isWriting = resolve;
    });
    const sink = start(
      cluster,
      sinkOf(({ deliver }) => deliver(async () => isWriting())),
      config("sink"),
    );
    const producer = await fluvio.topicProducer("t");
    await (await producer.send(undefined, "a")).wait();
    await producer.close();
    await began;
    await fluvio.admin().deleteTopic("t");
    await expect(sink.done).rejects.toMatchObject({ code: "FLV_TOPIC_DELETED", message: "Topic was deleted: t" });
  });
});

test("a source whose own code does not end when it has to is left alone", async () => {
  const { cluster } = await startedCluster();
  const stuck = sourceOf(async ({ send, signal }) => {
    await send({ value: "1" });
    await stopped(signal);
    await new Promise(() => {});
  });
  const source = start(cluster, stuck, config("source"), { sourceMs: 500 });
  await expect.poll(() => source.counters.records).toBe(1);
  await source.stop();
  const warning = source.lines.find(({ message }) => message === "stopping interrupted the connector");
  expect(warning?.details.error).toMatchObject({ message: "the connector did not end within 500 ms" });
});
