import { afterEach, describe, expect, it } from "vitest";
import {
  ACKNOWLEDGE_END,
  BATCH_HEADER_BYTES,
  BatchBuilder,
  decodeBatch,
  encodeRecords,
  type Logger,
  patchBatch,
  type SectionRecord,
  wireError,
  writeBatchHeader,
} from "../protocol/index.ts";
import { drain, text } from "./testing/cluster.ts";
import { type Script, ScriptedCluster } from "./testing/scripted-cluster.ts";
import type { ConsumerOptions } from "./types.ts";

const running: ScriptedCluster[] = [];
afterEach(async () => {
  for (const cluster of running.splice(0)) await cluster.close();
});

async function cluster(script: Script): Promise<ScriptedCluster> {
  const started = new ScriptedCluster(script);
  running.push(started);
  await started.start();
  return started;
}

function batch(baseOffset: number, values: readonly string[]): Uint8Array {
  const builder = new BatchBuilder();
  for (const value of values) builder.append(undefined, new TextEncoder().encode(value), 1_700_000_000_000);
  const bytes = builder.build();
  patchBatch(bytes, baseOffset, 0);
  return bytes;
}

/** A batch with deltas as an SPU of the original leaves them after a SmartModule. */
function filteredBatch(baseOffset: number, deltas: readonly number[], lastOffsetDelta: number): Uint8Array {
  const records: SectionRecord[] = deltas.map((offsetDelta, i) => ({
    offsetDelta,
    timestampDelta: 0,
    key: undefined,
    value: new TextEncoder().encode(`${i}`),
  }));
  const section = encodeRecords(records);
  const bytes = new Uint8Array(BATCH_HEADER_BYTES + section.length);
  bytes.set(section, BATCH_HEADER_BYTES);
  writeBatchHeader(bytes, {
    baseOffset,
    compression: "none",
    lastOffsetDelta,
    firstTimestampMs: -1,
    maxTimestampMs: -1,
  });
  return bytes;
}

async function consume(started: ScriptedCluster, options: Partial<ConsumerOptions> = {}, logger?: Logger) {
  await using fluvio = await started.connect(logger === undefined ? {} : { logger });
  return await drain(
    await fluvio.consumer({ topic: "scripted", offset: "beginning", disableContinuous: true, ...options }),
  );
}

describe("a consumer of a server that is not ours", () => {
  it("leaves a batch that was cut off alone and has it sent again", async () => {
    const [first, second] = [batch(0, ["a", "b"]), batch(2, ["c", "d"])];
    const started = await cluster({
      offsets: { startOffset: 0, endOffset: 4 },
      onStream: () => [{ records: Buffer.concat([first, second.subarray(0, 70)]) }],
      onAck: (offset) => (offset === 2 ? [{ records: second }] : []),
    });
    const records = await consume(started);
    expect(records.map((record) => text(record.value))).toEqual(["a", "b", "c", "d"]);
    expect(started.acks).toEqual([2, ACKNOWLEDGE_END]);
  });

  it("asks for more when not even one batch comes whole", async () => {
    const asked: number[] = [];
    const large = batch(0, ["x".repeat(5000)]);
    const started = await cluster({
      offsets: { startOffset: 0, endOffset: 1 },
      onStream: ({ maxBytes }) => {
        asked.push(maxBytes);
        return [{ records: large.subarray(0, maxBytes) }];
      },
    });
    expect(await consume(started, { maxBytes: 5 })).toHaveLength(1);
    expect(asked[0]).toBe(5);
    expect(asked.at(-1)).toBeGreaterThanOrEqual(large.length);
  });

  it("drops records before the offset it asked for", async () => {
    const started = await cluster({
      offsets: { startOffset: 0, endOffset: 5 },
      onStream: () => [{ records: batch(0, ["a", "b", "c", "d", "e"]) }],
    });
    const records = await consume(started, { offset: { absolute: 3 } });
    expect(records.map((record) => record.offset)).toEqual([3, 4]);
  });

  it("numbers filtered records by their place when their deltas make no sense", async () => {
    const wrong = filteredBatch(10, [0, 1, -4, -3], 9);
    const right = filteredBatch(20, [1, 5, 9], 9);
    const started = await cluster({
      offsets: { startOffset: 10, endOffset: 30 },
      onStream: () => [{ records: wrong, nextFilterOffset: 20 }],
      onAck: () => [{ records: right, nextFilterOffset: 30 }],
    });
    const records = await consume(started);
    expect(records.map((record) => record.offset)).toEqual([10, 11, 12, 13, 21, 25, 29]);
    expect(records[0]?.timestampMs).toBe(-1);
    expect(started.acks).toEqual([20, ACKNOWLEDGE_END]);
  });

  it("goes on at the oldest stored record with a warning, or throws when it is strict", async () => {
    const warnings: string[] = [];
    const ignore = () => {};
    const logger: Logger = {
      debug: ignore,
      info: ignore,
      error: ignore,
      warn: (_, m) => warnings.push(m),
      child: () => logger,
    };
    const started = await cluster({
      offsets: { startOffset: 3, endOffset: 12 },
      onStream: ({ fetchOffset }) =>
        fetchOffset < 10
          ? [{ errorCode: wireError("OffsetEvicted", { offset: fetchOffset, nextAvailable: 10 }) }]
          : [{ records: batch(10, ["k", "l"]) }],
    });
    expect((await consume(started, {}, logger)).map((record) => record.offset)).toEqual([10, 11]);
    expect(warnings).toEqual([expect.stringContaining("going on at the oldest stored")]);
    await expect(consume(started, { strictOffset: true })).rejects.toMatchObject({ code: "FLV_OFFSET_EVICTED" });
  });

  it("asks about offsets again while the SPU says that it is no leader, and gives up in time", async () => {
    let refusals = 3;
    const started = await cluster({
      offsets: { startOffset: 0, endOffset: 2 },
      isNotLeader: () => refusals-- > 0,
      onStream: () => [{ records: batch(0, ["a", "b"]) }],
    });
    expect(await consume(started)).toHaveLength(2);
    refusals = Number.POSITIVE_INFINITY;
    await using fluvio = await started.connect({ retry: { initialDelayMs: 1, timeoutMs: 20 } });
    await expect(fluvio.partitionOffsets("scripted")).rejects.toMatchObject({
      code: "FLV_NOT_LEADER",
      message: "The SPU does not lead the partition: scripted-0 (tried again for 20 ms)",
    });
  });

  it("opens its stream again after the last record when the connection is lost", async () => {
    const asked: number[] = [];
    const started = await cluster({
      offsets: { startOffset: 0, endOffset: 4 },
      onStream: ({ fetchOffset }) => {
        asked.push(fetchOffset);
        return fetchOffset === 0 ? [{ records: batch(0, ["a", "b"]) }] : [{ records: batch(2, ["c", "d"]) }];
      },
      onAck: (_, connection) => {
        connection.close();
        return [];
      },
    });
    const records = await consume(started, { retry: { initialDelayMs: 1 } });
    expect(records.map((record) => record.offset)).toEqual([0, 1, 2, 3]);
    expect(asked).toEqual([0, 2]);
  });

  it("gives up a request with SmartModules that the server answers by closing the connection", async () => {
    let attempts = 0;
    const started = await cluster({
      offsets: { startOffset: 0, endOffset: 4 },
      onStream: (_, connection) => {
        attempts++;
        connection.close();
        return [];
      },
    });
    const retry = { initialDelayMs: 1 };
    await expect(consume(started, { retry, smartmodules: [{ name: "m" }] })).rejects.toMatchObject({
      code: "FLV_CONNECTION_CLOSED",
      message: expect.stringContaining("closes the connection whenever scripted-0 is read"),
      details: expect.objectContaining({ attempts: 5 }),
    });
    // one that took a second does not count: it may have been lost for another reason
    expect(attempts).toBeGreaterThanOrEqual(5);
  });

  it("throws what the server says", async () => {
    const started = await cluster({
      offsets: { startOffset: 0, endOffset: 4 },
      onStream: () => [{ errorCode: wireError("SmartModuleNotFound", { smartmodule: "m" }) }],
    });
    await expect(consume(started)).rejects.toMatchObject({ message: "SmartModule m was not found" });
  });
});

describe("a producer whose connection breaks", () => {
  it("sends what was in flight again, in order", async () => {
    const attempts: string[][] = [];
    let requests = 0;
    let stored = 0;
    const started = await cluster({
      onProduce: (request, connection) => {
        requests++;
        const batches = request.topics[0]?.partitions.map((entry) => decodeBatch(entry.records)) ?? [];
        attempts.push(batches.flat().map((record) => text(record.value) ?? ""));
        // the first is answered; of the next ones, which are in flight together, the third breaks the connection
        if (requests >= 2 && requests <= 3) return undefined;
        if (requests === 4) {
          connection.close();
          return undefined;
        }
        return batches.map((records) => {
          const baseOffset = stored;
          stored += records.length;
          return { baseOffset };
        });
      },
    });
    await using fluvio = await started.connect();
    await using producer = await fluvio.topicProducer("scripted", {
      batchSizeBytes: 1,
      maxRequestSizeBytes: 1000,
      retry: { initialDelayMs: 1 },
    });
    await (await producer.send(undefined, "first")).wait();
    const outputs = [];
    for (const value of ["a", "b", "c", "d", "e"]) outputs.push(await producer.send(undefined, value));
    const offsets = await Promise.all(outputs.map(async (output) => (await output.wait()).offset));
    expect(offsets).toEqual([1, 2, 3, 4, 5]);
    expect(attempts.slice(0, 4)).toEqual([["first"], ["a"], ["b"], ["c"]]);
    expect(attempts.slice(4).flat()).toEqual(["a", "b", "c", "d", "e"]);
  });

  it("matches results to batches by position and fails only those that failed", async () => {
    let requests = 0;
    const started = await cluster({
      onProduce: (request) => {
        const count = request.topics[0]?.partitions.length ?? 0;
        if (requests++ === 0) return [{ baseOffset: 0 }];
        return Array.from({ length: count }, (_, i) =>
          i === 1 ? { errorCode: wireError("MessageTooLarge") } : { baseOffset: 100 + i },
        );
      },
    });
    await using fluvio = await started.connect();
    const producer = await fluvio.topicProducer("scripted", {
      batchSizeBytes: 1,
      maxInFlight: 1,
      maxRequestSizeBytes: 10_000,
    });
    await (await producer.send(undefined, "-")).wait();
    // what is queued while the first one is in flight goes as one request
    const outputs = ["-", "a", "b", "c"].map((value) => producer.trySend(undefined, value));
    const [, a, b, c] = outputs.map((output) => output?.wait());
    await expect(a).resolves.toMatchObject({ offset: 100 });
    await expect(b).rejects.toMatchObject({
      message: expect.stringMatching(/^Producer error: Producer received an error code: /),
    });
    await expect(c).resolves.toMatchObject({ offset: 102 });
    await expect(producer.close()).rejects.toMatchObject({ code: "FLV_BATCH_TOO_LARGE" });
  });
});

describe("connecting", () => {
  it("refuses a cluster that is too old, naming both versions", async () => {
    const started = await cluster({});
    started.platformVersion = "0.8.5";
    await expect(started.connect()).rejects.toMatchObject({
      code: "FLV_VERSION_INCOMPATIBLE",
      message: expect.stringMatching(/0\.8\.5.*0\.9\.0/),
    });
    started.platformVersion = "not a version";
    await expect(started.connect()).rejects.toMatchObject({ code: "FLV_VERSION_INCOMPATIBLE" });
  });
});

describe("a cluster of the original, which hangs up at a request that it does not know", () => {
  it.each([
    ["inspectSmartModules", /^The cluster at memory:\d+ \(version .*\) cannot say what its SmartModules are$/],
    ["smartModuleStats", /cannot give counters of SmartModules$/],
    ["switchSmartModule", /cannot switch running SmartModules$/],
  ] as const)("%s says so, and the session goes on", async (call, sentence) => {
    const started = await cluster({});
    await using fluvio = await started.connect();
    const admin = fluvio.admin();
    await admin.listTopics();
    const asked = call === "switchSmartModule" ? admin[call]("filter") : admin[call]();
    await expect(asked).rejects.toMatchObject({ code: "FLV_UNSUPPORTED", message: expect.stringMatching(sentence) });
    await expect.poll(() => started.scConnections).toBe(1);
    expect(await admin.listTopics()).toEqual([]);
  });

  it("a cluster that went away altogether is not called one", async () => {
    const started = await cluster({});
    await using fluvio = await started.connect();
    started.onUnknown = () => started.close();
    await expect(fluvio.admin().inspectSmartModules()).rejects.toMatchObject({ code: "FLV_CONNECT" });
  });
});
