import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildAs } from "../../../../tests/fixtures/build-as.ts";
import { createApi } from "../protocol/index.ts";
import { connect } from "../transport/index.ts";
import type { Fluvio } from "./fluvio.ts";
import { drain, TestCluster, text, useTestCluster } from "./testing/cluster.ts";
import type { ConsumerOptions } from "./types.ts";

const cluster = useTestCluster();
const modules = new Map<string, Uint8Array>();
let fluvio: Fluvio;

beforeAll(async () => {
  fluvio = await cluster.connect();
  for (const name of ["filter", "map", "keep-all", "no-transform"]) modules.set(name, await buildAs(name));
});
afterAll(() => fluvio.close());

const NO_TEXTS = { description: undefined, license: undefined, repository: undefined };
const built = (name: string): Uint8Array => modules.get(name) ?? new Uint8Array(0);

async function topicWith(values: readonly string[]): Promise<string> {
  const topic = await fluvio.admin().createTopic(cluster.topicName());
  await produce(topic, values);
  return topic;
}

async function produce(topic: string, values: readonly string[]): Promise<void> {
  await using producer = await fluvio.topicProducer(topic);
  await producer.sendAll(values.map((value) => ({ value })));
}

async function consumed(options: ConsumerOptions): Promise<(string | undefined)[]> {
  const consumer = await fluvio.consumer({ offset: "beginning", disableContinuous: true, ...options });
  return (await drain(consumer)).map((record) => text(record.value));
}

/** Stores whatever bytes, as a client of the original may. */
async function storeRaw(name: string, payload: Uint8Array): Promise<void> {
  await using connection = await connect({ host: "127.0.0.1", port: cluster.cluster.scPort });
  const body = { name, dryRun: false, spec: { wasm: { format: "binary", payload } } } as const;
  const status = await connection.request(createApi, { label: "SmartModule", body });
  expect(status.errorCode.name).toBe("None");
}

describe("what stored SmartModules are", () => {
  it("is told by the cluster: traits of those that can run, else why not", async () => {
    const admin = fluvio.admin();
    await admin.createSmartModule("can-run", built("filter"));
    await storeRaw("cannot-run", gzipSync(built("no-transform")));
    const [can] = await admin.inspectSmartModules(["can-run"]);
    expect(can).toMatchObject({
      name: "can-run",
      wasmSizeBytes: built("filter").length,
      traits: { kind: "filter", hasInit: false, imports: ["env.copy_records"] },
      problem: undefined,
    });
    const [cannot] = await admin.inspectSmartModules(["cannot-run"]);
    expect(cannot?.problem?.reason).toMatch(/^it exports none of filter/);
    expect((await admin.inspectSmartModules()).map(({ name }) => name).sort()).toEqual(["can-run", "cannot-run"]);
    expect(await admin.inspectSmartModules(["absent"])).toEqual([]);
  });

  it.each([
    ["a module without transform", () => gzipSync(built("no-transform")), "FLV_SMARTMODULE_INIT"],
    ["gzip that is cut", () => gzipSync(built("filter")).subarray(0, 100), "FLV_SMARTMODULE_INVALID"],
    ["WebAssembly text", () => new TextEncoder().encode("(module)"), "FLV_SMARTMODULE_INVALID"],
  ] as const)("%s: consuming and producing with it is refused with that reason", async (_case, payload, code) => {
    const topic = await topicWith(["a"]);
    await storeRaw("broken", payload());
    const [found] = await fluvio.admin().inspectSmartModules(["broken"]);
    const message = expect.stringContaining(found?.problem?.reason ?? "no reason");
    const smartmodules = [{ name: "broken" }];
    await expect(consumed({ topic, smartmodules })).rejects.toMatchObject({ code, message });
    const producer = await fluvio.topicProducer(topic, { smartmodules });
    const sent = producer.send("", "b").then((output) => output.wait());
    await expect(sent).rejects.toMatchObject({ code, message });
    // it says again what was not sent
    await producer.close().catch(() => {});
    expect(await consumed({ topic })).toEqual(["a"]);
  });
});

describe("counters of SmartModules", () => {
  it("of a producer that runs them itself are its client's, not the cluster's; they outlive it", async () => {
    const client = await cluster.connect();
    expect(client.smartModuleTotals()).toEqual([]);
    const smartmodules = [{ name: "at-home", wasm: built("filter") }];
    const producer = await client.topicProducer(await topicWith([]), { smartmodules, smartmodulesAt: "client" });
    await producer.sendAll(["apple", "plum", "kiwi"].map((value) => ({ value })));
    await producer.flush();
    const counted = { name: "at-home", recordsIn: 3, recordsOut: 1, failures: 0 };
    expect(client.smartModuleTotals()).toMatchObject([{ ...counted, chains: 1 }]);
    expect((await fluvio.admin().smartModuleStats()).modules.map(({ name }) => name)).not.toContain("at-home");
    await client.close();
    expect(client.smartModuleTotals()).toMatchObject([{ ...counted, chains: 0 }]);
  });

  it("count what went in and out on the SPUs, since they started", async () => {
    const admin = fluvio.admin();
    await admin.createSmartModule("counted", built("filter"));
    const { modules: before, spus } = await admin.smartModuleStats(["counted"]);
    expect(before).toMatchObject([{ name: "counted", recordsIn: 0, invocations: 0, chains: 0 }]);
    expect(spus).toEqual([{ spu: 5001, sinceMs: expect.any(Number), problem: undefined }]);
    const topic = await topicWith(["apple", "plum", "banana", "kiwi"]);
    expect(await consumed({ topic, smartmodules: [{ name: "counted" }] })).toEqual(["apple", "banana"]);
    const [after] = (await admin.smartModuleStats(["counted"])).modules;
    expect(after).toMatchObject({ recordsIn: 4, recordsOut: 2, recordErrors: 0, failures: 0 });
    expect(after?.invocations).toBeGreaterThan(0);
    expect(after?.bytesIn).toBeGreaterThan(after?.bytesOut ?? 0);
    expect(after?.timeMs).toBeGreaterThan(0);
    expect((await admin.smartModuleStats()).modules.map(({ name }) => name)).toContain("counted");
    await expect(admin.smartModuleStats(["never-heard-of"])).rejects.toMatchObject({
      code: "FLV_SMARTMODULE_NOT_FOUND",
    });
  });
});

describe("switching a SmartModule", () => {
  it("has a running stream go on with the code that is stored now, and loses nothing", async () => {
    const admin = fluvio.admin();
    await admin.createSmartModule("hot", built("filter"));
    const topic = await topicWith(["apple", "plum"]);
    const smartmodules = [{ name: "hot" }];
    const consumer = await fluvio.consumer({ topic, offset: "beginning", smartmodules });
    const records = consumer[Symbol.asyncIterator]();
    const next = async () => text((await records.next()).value?.value);
    expect(await next()).toBe("apple");
    await admin.createSmartModule("hot", built("keep-all"));
    expect(await admin.switchSmartModule("hot")).toEqual({ streams: 1, connectors: 0, failures: [] });
    await produce(topic, ["kiwi", "plum"]);
    expect([await next(), await next()]).toEqual(["kiwi", "plum"]);
    await records.return?.();
  });

  it("reaches streams on every SPU, by whatever name they use the module; a new version takes the place of the newest", async () => {
    const two = new TestCluster({ spuCount: 2, spuLogLevel: "error" });
    try {
      await two.start();
      await using client = await two.connect();
      const admin = client.admin();
      const version = (number: string) => {
        const pkg = {
          name: "regex",
          group: "acme",
          version: number,
          apiVersion: "0.1.0",
          visibility: "private",
        } as const;
        return { meta: { package: { ...NO_TEXTS, ...pkg }, params: new Map() } };
      };
      await admin.createSmartModule("regex", built("filter"), version("0.1.0"));
      await admin.createTopic("spread", { partitions: 2 });
      const producer = await client.topicProducer("spread");
      const produceToBoth = async (value: string) => {
        await producer.sendAll([{ value }, { value }]);
        await producer.flush();
      };
      await produceToBoth("apple");
      const streams = ["acme/regex", "regex"].map(async (name) => {
        const consumer = await client.consumer({ topic: "spread", offset: "beginning", smartmodules: [{ name }] });
        return consumer[Symbol.asyncIterator]();
      });
      const [byGroup, byName] = await Promise.all(streams);
      const next = async (records = byGroup) => text((await records?.next())?.value?.value);
      expect([await next(), await next(), await next(byName), await next(byName)]).toEqual(Array(4).fill("apple"));
      expect((await admin.smartModuleStats(["acme/regex"])).modules).toMatchObject([{ chains: 2, recordsIn: 2 }]);
      const stored = await admin.createSmartModule("regex", built("keep-all"), version("0.2.0"));
      expect(await admin.switchSmartModule(stored)).toEqual({ streams: 4, connectors: 0, failures: [] });
      await produceToBoth("kiwi");
      expect([await next(), await next(), await next(byName), await next(byName)]).toEqual(Array(4).fill("kiwi"));
      await Promise.all([byGroup?.return?.(), byName?.return?.(), producer.close()]);
    } finally {
      await two.remove();
    }
  });

  it("refuses what is not there, and what cannot run", async () => {
    const admin = fluvio.admin();
    await expect(admin.switchSmartModule("absent")).rejects.toMatchObject({ code: "FLV_SMARTMODULE_NOT_FOUND" });
    await storeRaw("not-this", gzipSync(built("no-transform")));
    await expect(admin.switchSmartModule("not-this")).rejects.toMatchObject({
      code: "FLV_SMARTMODULE_INVALID",
      message: expect.stringMatching(/^SmartModule not-this is invalid: it exports none of/),
    });
  });
});
