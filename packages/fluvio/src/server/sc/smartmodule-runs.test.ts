import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { buildAs } from "../../../../../tests/fixtures/build-as.ts";
import { smartModuleStatsApi, switchSmartModuleApi } from "../../protocol/index.ts";
import { type ModuleTotals, sumTotals } from "../../smartengine/index.ts";
import { linkPair, type ModuleSwitch, type SpuModuleTotals, type SpuRequest } from "../link.ts";
import type { ConnectorCounters, ConnectorHost } from "./connector-host.ts";
import { IdleHost } from "./testing/idle-host.ts";
import { ManualClock } from "./testing/manual-clock.ts";
import { TestController, type TestControllerOptions } from "./testing/test-controller.ts";

function totals(sinceMs: number, modules: Readonly<Record<string, Partial<ModuleTotals>>>): SpuModuleTotals {
  return {
    sinceMs,
    modules: Object.entries(modules).map(([name, counters]) => ({ ...sumTotals(name, []), ...counters })),
  };
}

/** Two SPUs of which each answers as the function says. */
function start(
  onRequest: (request: SpuRequest, spuId: number) => unknown,
  options: TestControllerOptions = {},
): Promise<TestController> {
  return TestController.start({ spuIds: [5001, 5002], ...options, spu: { onRequest } });
}

test("counters are summed over the SPUs; each says since when", async () => {
  await using controller = await start((_request, spu) =>
    spu === 5001
      ? totals(1000, {
          b: { chains: 1, recordsIn: 10, recordsOut: 4, bytesIn: 100, bytesOut: 40, timeMs: 1.5, memoryBytes: 65536 },
          a: { invocations: 1, recordErrors: 2, failures: 3, memoryLimitFailures: 2, lateRecords: 4 },
        })
      : totals(2000, {
          b: { chains: 2, recordsIn: 5, recordsOut: 5, bytesIn: 50, bytesOut: 50, timeMs: 0.5, memoryBytes: 1 },
        }),
  );
  const reply = await controller.client.request(smartModuleStatsApi, { names: [] });
  expect(reply.error).toEqual({ name: "None" });
  expect(reply.spus).toEqual([
    { spu: 5001, sinceMs: 1000, problem: undefined },
    { spu: 5002, sinceMs: 2000, problem: undefined },
  ]);
  const { timeMs: _, ...zero } = sumTotals("", []);
  expect(reply.modules).toEqual([
    {
      ...zero,
      timeMicros: 0,
      name: "a",
      invocations: 1,
      recordErrors: 2,
      failures: 3,
      memoryLimitFailures: 2,
      lateRecords: 4,
    },
    {
      ...zero,
      name: "b",
      chains: 3,
      recordsIn: 15,
      recordsOut: 9,
      bytesIn: 150,
      bytesOut: 90,
      timeMicros: 2000,
      memoryBytes: 65537,
    },
  ]);
});

test("an SPU that is away is named, the others are counted", async () => {
  await using controller = await start(() => totals(1000, { a: { recordsIn: 1 } }), { onlineIds: [5001] });
  const reply = await controller.client.request(smartModuleStatsApi, { names: [] });
  expect(reply.modules).toMatchObject([{ name: "a", recordsIn: 1 }]);
  expect(reply.spus).toEqual([
    { spu: 5001, sinceMs: 1000, problem: undefined },
    { spu: 5002, sinceMs: undefined, problem: "SPU 5002 is not online" },
  ]);
});

test("an SPU that does not answer is not waited for as long as a scrape of metrics may take", async () => {
  const clock = new ManualClock();
  await using controller = await start(() => totals(1000, { a: { recordsIn: 1 } }), { onlineIds: [5001], clock });
  const silent = linkPair();
  controller.sc.attachSpu(5002, silent.sc);
  silent.spu.send({ type: "hello", spuId: 5002, publicPort: 9020, processId: 1 });
  await controller.online([5001, 5002]);
  const asked = controller.sc.moduleTotals();
  await clock.waiting(5000);
  // answers within a process are there before anything else happens
  await new Promise((resolve) => setImmediate(resolve));
  clock.advance(5000);
  expect((await asked).map(({ problem }) => problem)).toEqual([undefined, "SPU 5002 did not answer within 5000 ms"]);
});

test("names choose, with or without group and version; one that is stored has counters of 0, another is not found", async () => {
  await using controller = await start(() =>
    totals(1000, { "acme/regex@0.1.0": { recordsIn: 1 }, "acme/regex": { recordsIn: 2 }, other: { recordsIn: 4 } }),
  );
  const ask = async (...names: string[]) => {
    const { error, modules } = await controller.client.request(smartModuleStatsApi, { names });
    return error.name === "None" ? modules.map(({ name, recordsIn }) => `${name} ${recordsIn}`) : error;
  };
  expect(await ask("regex")).toEqual(["acme/regex 4", "acme/regex@0.1.0 2"]);
  expect(await ask("acme/regex@0.1.0", "other")).toEqual(["acme/regex@0.1.0 2", "other 8"]);
  expect(await ask("unused")).toEqual({ name: "SmartModuleNotFound", smartmodule: "unused" });
  await controller.createSmartModule("unused", gzipSync(await buildAs("filter")));
  expect(await ask("unused")).toEqual(["unused 0"]);
});

function connectorHost(smartModuleSwitched?: (name: string) => Promise<ModuleSwitch>): ConnectorHost {
  return Object.assign(new IdleHost(), smartModuleSwitched === undefined ? {} : { smartModuleSwitched });
}

test("counters have what runs in managed connectors, also of modules that no SPU knows", async () => {
  const host = new IdleHost();
  await using controller = await start(() => totals(1000, { a: { recordsIn: 1, timeMs: 1 } }), { connectorHost: host });
  const connector: ConnectorCounters = {
    ...{ name: "cats", type: "http-source", direction: "source", topic: "t", sinceMs: 1, restarts: 0, positions: [] },
    ...{ recordsIn: 0, bytesIn: 0, recordsOut: 0, bytesOut: 0, refused: 0, skipped: 0, deadLettered: 0 },
    ...{ lastError: undefined, lastErrorMs: undefined, lastRecordMs: undefined, nextStartMs: undefined },
    ...{ lag: undefined, lagUnit: "records" },
    ...totals(0, { a: { recordsIn: 10, timeMs: 0.5 }, b: { recordsIn: 3, chains: 1 } }),
  };
  host.known = [connector, { ...connector, name: "dogs" }];
  const reply = await controller.client.request(smartModuleStatsApi, { names: [] });
  expect(reply.modules).toMatchObject([
    { name: "a", recordsIn: 22, timeMicros: 3000 },
    { name: "b", recordsIn: 6, chains: 2 },
  ]);
  expect(reply.spus).toHaveLength(2);
});

test("a switch reaches every SPU that is there and the connectors, and gathers what became of it", async () => {
  const asked: string[] = [];
  await using controller = await start(
    (request, spu) => {
      asked.push(`${spu} ${request.kind} ${"name" in request ? request.name : ""}`);
      return { switched: 2, failures: spu === 5002 ? ["stream 7: no"] : [] };
    },
    {
      connectorHost: connectorHost(async (name) => {
        asked.push(`connectors ${name}`);
        return { switched: 1, failures: ["http-1: stopped"] };
      }),
    },
  );
  await controller.createSmartModule("filter", gzipSync(await buildAs("filter")));
  const reply = await controller.client.request(switchSmartModuleApi, { name: "filter" });
  expect(reply).toEqual({
    error: { name: "None" },
    streams: 4,
    connectors: 1,
    failures: ["stream 7: no", "http-1: stopped"],
  });
  expect(asked.sort()).toEqual(["5001 switchModule filter", "5002 switchModule filter", "connectors filter"]);
  // whoever is asked to switch has been told before that its copy is stale
  const kinds = controller.spu.received.map(({ type }) => type);
  expect(kinds.indexOf("smartModuleChanged")).toBeLessThan(kinds.lastIndexOf("request"));
});

test("a switch without connectors, with an SPU that is away: nothing runs there", async () => {
  await using controller = await start(() => ({ switched: 3, failures: [] }), {
    onlineIds: [5002],
    connectorHost: connectorHost(),
  });
  await controller.createSmartModule("filter", gzipSync(await buildAs("filter")));
  const reply = await controller.client.request(switchSmartModuleApi, { name: "filter" });
  expect(reply).toEqual({ error: { name: "None" }, streams: 3, connectors: 0, failures: [] });
});
