import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { buildAs } from "../../../../tests/fixtures/build-as.ts";
import { freePort } from "../../../../tests/free-port.ts";
import { Fluvio } from "../client/index.ts";
import { type Cluster, type ConnectorCounters, startCluster } from "../server/index.ts";
import { IdleHost } from "../server/sc/testing/idle-host.ts";
import { type Gateway, startGateway } from "./index.ts";

let dataDir = "";
let cluster: Cluster;
let gateway: Gateway;
let fluvio: Fluvio;
const host = new IdleHost();
/** A machine that is busy stands still for seconds. */
const LATE = { timeout: 20_000 };

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "fluvio-gateway-"));
  // two SPUs: the second is a process of its own
  cluster = await startCluster({
    dataDir,
    scPort: 0,
    spuBasePort: await freePort(2),
    spuCount: 2,
    flush: "os",
    spuLogLevel: "error",
    connectorHost: host,
  });
  gateway = await startGateway({ cluster, host: "127.0.0.1", port: 0 });
  fluvio = await Fluvio.connect({ address: `127.0.0.1:${cluster.scPort}` });
});
afterAll(async () => {
  await fluvio.close();
  await gateway.close();
  await cluster.close(0);
  await rm(dataDir, { recursive: true, force: true });
});

function get(path: string): Promise<Response> {
  return fetch(`http://127.0.0.1:${gateway.port}${path}`);
}

/** Values by name and labels, as they are written. */
async function metrics(): Promise<ReadonlyMap<string, number>> {
  const text = await (await get("/metrics")).text();
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(
    lines.map((line) => {
      const at = line.lastIndexOf(" ");
      return [line.slice(0, at), Number(line.slice(at + 1))];
    }),
  );
}

describe("/metrics", () => {
  it("has the counters of a module on each SPU, which add up to what was read", async () => {
    const admin = fluvio.admin();
    await admin.createSmartModule("has-a", await buildAs("filter"));
    await admin.createTopic("fruits", { partitions: 2 });
    await using producer = await fluvio.topicProducer("fruits");
    await producer.sendAll(["apple", "plum", "banana", "kiwi"].map((value) => ({ value })));
    await producer.flush();
    const smartmodules = [{ name: "has-a" }];
    const consumer = await fluvio.consumer({
      topic: "fruits",
      offset: "beginning",
      disableContinuous: true,
      smartmodules,
    });
    let read = 0;
    for await (const _record of consumer) read++;
    expect(read).toBe(2);
    const found = await metrics();
    const of = (name: string) =>
      [5001, 5002].map((spu) => found.get(`fluvio_smartmodule_${name}{module="has-a",spu="${spu}"}`) ?? Number.NaN);
    const sum = (name: string) => of(name).reduce((total, one) => total + one, 0);
    // both SPUs lead a partition and ran the module on it
    expect(of("invocations_total").every((calls) => calls > 0)).toBe(true);
    expect([sum("records_in_total"), sum("records_out_total")]).toEqual([4, 2]);
    expect(sum("bytes_in_total")).toBeGreaterThan(sum("bytes_out_total"));
    expect(sum("seconds_total")).toBeGreaterThan(0);
    expect([sum("record_errors_total"), sum("failures_total"), sum("late_records_total")]).toEqual([0, 0, 0]);
    expect(["time", "memory", "output"].map((limit) => sum(`${limit}_limit_failures_total`))).toEqual([0, 0, 0]);
    expect([found.get('fluvio_spu_up{spu="5001"}'), found.get('fluvio_spu_up{spu="5002"}')]).toEqual([1, 1]);
    expect(found.get('fluvio_spu_start_time_seconds{spu="5002"}')).toBeGreaterThan(1e9);
  });

  it("has topics, partitions and the process, and does not grow from scrape to scrape", async () => {
    await fluvio.admin().createTopic("two", { partitions: 1 });
    await using producer = await fluvio.topicProducer("two");
    await (await producer.send("", "x")).wait();
    await vi.waitFor(async () => {
      const found = await metrics();
      expect(found.get('fluvio_partition_log_end_offset{topic="two",partition="0"}')).toBe(1);
      expect(found.get('fluvio_partition_high_watermark{topic="two",partition="0"}')).toBe(1);
      expect(found.get('fluvio_partition_size_bytes{topic="two",partition="0"}')).toBeGreaterThan(60);
    }, LATE);
    const ours = (all: ReadonlyMap<string, number>) => [...all].filter(([name]) => name.startsWith("fluvio_"));
    // what went before may still be told
    await vi.waitFor(async () => {
      const first = await metrics();
      expect(first.get('fluvio_partition_online{topic="two",partition="0"}')).toBe(1);
      expect(first.get("process_cpu_seconds_total")).toBeGreaterThan(0);
      expect(ours(await metrics())).toEqual(ours(first));
    }, LATE);
    await fluvio.admin().deleteTopic("two");
    await vi.waitFor(async () => {
      expect([...(await metrics()).keys()].filter((name) => name.includes('topic="two"'))).toEqual([]);
    }, LATE);
  });

  it("is text that Prometheus knows, with a type for every name", async () => {
    const response = await get("/metrics");
    expect(response.headers.get("content-type")).toMatch(/^text\/plain; version=0\.0\.4/);
    const text = await response.text();
    expect(text).toContain("# TYPE fluvio_smartmodule_records_in_total counter");
    expect(text).toContain("# TYPE fluvio_partition_size_bytes gauge");
  });
});

const noCounts = {
  ...{ chains: 0, invocations: 0, recordsIn: 0, recordsOut: 0, bytesIn: 0, bytesOut: 0, recordErrors: 0, failures: 0 },
  ...{
    timeLimitFailures: 0,
    memoryLimitFailures: 0,
    outputLimitFailures: 0,
    lateRecords: 0,
    timeMs: 0,
    memoryBytes: 0,
  },
};

describe("/metrics of connectors", () => {
  it("have what each did, with type and direction, and whether it runs; one that is gone has none", async () => {
    const config = (name: string) => Buffer.from(JSON.stringify({ name, type: "http-sink", topic: "into" }));
    const admin = fluvio.admin();
    await admin.createConnector("out", config("out"));
    const labels = 'connector="out",type="http-sink",direction="sink"';
    host.known = [
      {
        ...{ name: "out", type: "http-sink", direction: "sink", topic: "into", sinceMs: 1, restarts: 2 },
        ...{ recordsIn: 9, bytesIn: 90, recordsOut: 7, bytesOut: 70, refused: 4, skipped: 1, deadLettered: 3 },
        ...{
          lastError: "no",
          lastErrorMs: 5000,
          lastRecordMs: 6000,
          nextStartMs: undefined,
          lag: undefined,
          lagUnit: "records",
        },
        positions: [{ partition: 0, nextOffset: 0 }],
        modules: [{ ...noCounts, name: "mine", recordsIn: 11, chains: 1, timeMs: 500 }],
      },
    ];
    host.say("out", { resolution: "running" });
    const of = async (...names: string[]) => {
      const found = await metrics();
      return names.map((name) => found.get(`fluvio_connector_${name}{${labels}}`));
    };
    expect(await of("records_in_total", "records_out_total", "bytes_in_total", "bytes_out_total")).toEqual([
      9, 7, 90, 70,
    ]);
    expect(await of("refused_total", "skipped_total", "dead_lettered_total", "restarts_total")).toEqual([4, 1, 3, 2]);
    expect(await of("up", "lag_records", "last_record_time_seconds", "last_error_time_seconds")).toEqual([1, 0, 6, 5]);
    const module = (name: string) => `fluvio_smartmodule_${name}{module="mine",connector="out"}`;
    const found = await metrics();
    expect(["records_in_total", "chains", "seconds_total"].map((name) => found.get(module(name)))).toEqual([
      11, 1, 0.5,
    ]);
    const [counted] = host.known;
    for (const lagUnit of ["bytes", "objects"] as const) {
      host.known = [{ ...(counted as ConnectorCounters), direction: "source", lag: 7, lagUnit }];
      const found = [...(await metrics())].filter(([name]) => name.startsWith("fluvio_connector_lag_"));
      const source = labels.replace('"sink"', '"source"');
      expect(found).toEqual([[`fluvio_connector_lag_${lagUnit}{${source}}`, 7]]);
    }
    host.known = counted === undefined ? [] : [counted];
    host.say("out", { resolution: "running", reason: "cannot write" });
    expect(await of("up")).toEqual([0]);
    host.known = [];
    expect([...(await metrics()).keys()].filter((name) => name.includes('connector="out"'))).toEqual([]);
  });
});

describe("/healthz", () => {
  it("is 200 when every SPU is online, 503 with the ones that are not", async () => {
    const well = await get("/healthz");
    expect([well.status, await well.json()]).toEqual([200, { status: "ok", offlineSpus: [] }]);
    const second = cluster.spus.find(({ id }) => id === 5002)?.processId;
    process.kill(second ?? 0, "SIGKILL");
    await vi.waitFor(
      async () => {
        const ill = await get("/healthz");
        expect([ill.status, await ill.json()]).toEqual([503, { status: "degraded", offlineSpus: [5002] }]);
      },
      { ...LATE, interval: 5 },
    );
    const found = await metrics();
    expect(found.get('fluvio_spu_up{spu="5001"}')).toBe(1);
    // it is started again by itself
    await vi.waitFor(async () => expect((await get("/healthz")).status).toBe(200), LATE);
  });
});

describe("the gateway", () => {
  it("knows nothing else, and only answers what is asked", async () => {
    expect((await get("/")).status).toBe(404);
    expect((await fetch(`http://127.0.0.1:${gateway.port}/metrics`, { method: "POST" })).status).toBe(404);
    const head = await fetch(`http://127.0.0.1:${gateway.port}/healthz`, { method: "HEAD" });
    expect([head.status, await head.text()]).toEqual([200, ""]);
  });

  it("says which port is in use", async () => {
    const squatter = createServer().listen(0, "127.0.0.1");
    await new Promise((listening) => squatter.once("listening", listening));
    const { port } = squatter.address() as { port: number };
    await expect(startGateway({ cluster, host: "127.0.0.1", port })).rejects.toMatchObject({
      code: "FLV_PORT_IN_USE",
      message: expect.stringContaining(`port ${port} on 127.0.0.1 cannot be opened`),
    });
    squatter.close();
  });

  it("closes with connections that are kept open, and may be closed twice", async () => {
    const other = await startGateway({ cluster, host: "localhost", port: 0 });
    await (await fetch(`http://localhost:${other.port}/healthz`)).text();
    await other.close();
    await other.close();
    await expect(fetch(`http://localhost:${other.port}/healthz`)).rejects.toThrow();
  });
});
