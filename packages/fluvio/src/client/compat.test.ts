import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildAs } from "../../../../tests/fixtures/build-as.ts";
import {
  arrayBufferToString,
  Fluvio,
  Offset,
  OffsetFrom,
  type PartitionConsumer,
  type Record,
  SmartModuleType,
  stringToArrayBuffer,
  TopicSpec,
} from "./index.ts";
import { useTestCluster } from "./testing/cluster.ts";

const cluster = useTestCluster();
let fluvio: Fluvio;

beforeAll(async () => {
  fluvio = new Fluvio({ host: "127.0.0.1", port: cluster.cluster.scPort });
  await fluvio.connect();
});
afterAll(() => fluvio.close());

async function take(stream: AsyncIterable<Record>, count: number): Promise<Record[]> {
  const records: Record[] = [];
  for await (const record of stream) {
    records.push(record);
    if (records.length === count) break;
  }
  return records;
}

describe("the names of @fluvio/client", () => {
  let topic: string;
  let consumer: PartitionConsumer;

  beforeAll(async () => {
    const admin = await fluvio.admin();
    topic = await admin.createTopic("familiar", new TopicSpec({ partitions: 1 }));
    const producer = await fluvio.topicProducerWithConfig(topic, { batchSize: 1000, compression: "gzip", lingerMs: 1 });
    await producer.sendRecord("apple", 0);
    await producer.send("key", "plum");
    await producer.sendAll([
      ["", "banana"],
      [null, "kiwi"],
    ]);
    await producer.flush();
    await producer.close();
    consumer = await fluvio.partitionConsumer(topic, 0);
  });

  it("stream records from an offset", async () => {
    const records = await take(await consumer.createStream(Offset.FromBeginning()), 4);
    expect(records.map((record) => record.valueString())).toEqual(["apple", "plum", "banana", "kiwi"]);
    expect(records.map((record) => record.keyString())).toEqual([null, "key", "", null]);
    expect(records.map((record) => record.hasKey())).toEqual([false, true, true, false]);
    expect(arrayBufferToString(records[0]?.value() as ArrayBuffer)).toBe("apple");
    expect(records[0]?.key()).toBeNull();
    expect(records[3]?.offset()).toBe(3);
    const last = await take(await consumer.createStream(new Offset({ index: 1, from: OffsetFrom.End })), 1);
    expect(last[0]?.valueString()).toBe("kiwi");
  });

  it("call back for each record until the stream is ended", async () => {
    const seen: string[] = [];
    const streaming = consumer.stream(Offset.FromBeginning(), (record) => {
      seen.push(record.valueString());
      if (seen.length === 4) void consumer.endStream();
    });
    await streaming;
    expect(seen).toEqual(["apple", "plum", "banana", "kiwi"]);
  });

  it("fetch once", async () => {
    const response = await consumer.fetch(Offset.FromBeginning());
    expect(response.toRecords()).toEqual(["apple", "plum", "banana", "kiwi"]);
    expect(response.highWatermark).toBe(4);
    expect(response.records.batches[0]?.header.magic).toBe(2);
  });

  it("take a SmartModule by file, data or name, and only one", async () => {
    const wasm = await buildAs("filter");
    const folder = await mkdtemp(join(tmpdir(), "fluvio-compat-"));
    await writeFile(join(folder, "filter.wasm"), wasm);
    await fluvio.admin().createSmartModule("compat-filter", wasm);
    const configs = [
      { smartmoduleFile: join(folder, "filter.wasm") },
      { smartmoduleData: gzipSync(wasm).toString("base64") },
      { smartmoduleName: "compat-filter" },
    ];
    for (const config of configs) {
      const stream = await consumer.streamWithConfig(Offset.FromBeginning(), {
        smartmoduleType: SmartModuleType.Filter,
        ...config,
      });
      expect((await take(stream, 2)).map((record) => record.valueString())).toEqual(["apple", "banana"]);
    }
    await expect(consumer.streamWithConfig(Offset.FromBeginning(), { ...configs[0], ...configs[2] })).rejects.toThrow(
      /must provide one of/,
    );
    await expect(
      consumer.streamWithConfig(Offset.FromBeginning(), { smartmoduleType: "x" as SmartModuleType, ...configs[2] }),
    ).rejects.toThrow('Provided SmartModule type: "x" is not valid');
    await expect(
      consumer.streamWithConfig(Offset.FromBeginning(), { smartmoduleFile: join(folder, "none") }),
    ).rejects.toThrow("No such file or directory (os error 2)");
    await rm(folder, { recursive: true });
  });

  it("refuse an offset from nowhere", () => {
    expect(() => new Offset({ from: "middle" as OffsetFrom }).toStartOffset()).toThrow(/unknown offset type/);
    expect(arrayBufferToString(stringToArrayBuffer("héllo"))).toBe("h\ufffdllo");
  });
});
