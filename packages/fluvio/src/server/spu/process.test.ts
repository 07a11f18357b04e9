import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { buildAs } from "../../../../../tests/fixtures/build-as.ts";
import { GENERIC_KIND } from "../../protocol/index.ts";
import { connect } from "../../transport/index.ts";
import { type SpuProcess, spawnSpu } from "./spawn.ts";
import { batchOf, produceTo, readUntil, streamFrom } from "./testing/harness.ts";
import { TestSc } from "./testing/test-sc.ts";

describe("an SPU as a process of its own", { timeout: 120_000 }, () => {
  let dataDir: string;
  let spu: SpuProcess;
  let sc: TestSc;
  const start = () => {
    spu = spawnSpu({ id: 5002, host: "127.0.0.1", port: 0, dataDir }, { output: "ignore" });
    sc = new TestSc(spu.link);
  };
  const exited = () => new Promise<number | null>((resolve) => spu.child.once("exit", resolve));
  const hello = async () => {
    await sc.until(() => sc.messages.some(({ type }) => type === "hello"), "hello");
    const message = sc.messages.find((m) => m.type === "hello");
    if (message?.type !== "hello") throw new Error("unreachable");
    return message;
  };
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), "fluvio-spu-process-"));
    start();
  });
  afterEach(async () => {
    spu.child.kill("SIGKILL");
    await rm(dataDir, { recursive: true, force: true });
  });

  it("serves, asks its SC for SmartModules, ends with exit code 0, and keeps its data over kill -9", async () => {
    const { processId, publicPort, spuId } = await hello();
    expect({ processId, spuId }).toEqual({ processId: spu.child.pid, spuId: 5002 });
    sc.modules.set("filter", await buildAs("filter"));
    await sc.assign("hello");
    const connection = await connect({ host: "127.0.0.1", port: publicPort });
    await produceTo(connection, { topic: "hello", entries: [batchOf(["apple", "plum", "banana"])] });
    const module = { wasm: { type: "predefined", name: "filter" }, kind: GENERIC_KIND, params: new Map() } as const;
    const records = await readUntil(connection, streamFrom(connection, { topic: "hello", smartmodules: [module] }), 3);
    expect(records.map(({ value }) => value)).toEqual(["apple", "banana"]);

    const killed = exited();
    spu.child.kill("SIGKILL");
    await killed;
    start();
    const again = await connect({ host: "127.0.0.1", port: (await hello()).publicPort });
    await sc.assign("hello");
    expect((await readUntil(again, streamFrom(again, { topic: "hello" }), 3)).length).toBe(3);
    const ended = exited();
    sc.send({ type: "shutdown" });
    expect(await ended).toBe(0);
  });

  it("drains on SIGTERM", async () => {
    await hello();
    const ended = exited();
    spu.child.kill("SIGTERM");
    expect(await ended).toBe(0);
  });

  it("ends when its parent lets go of it", async () => {
    await hello();
    const ended = exited();
    sc.close();
    expect(await ended).toBe(0);
  });

  it("exits with 1 when it cannot start", async () => {
    await hello();
    const second = spawnSpu({ id: 5003, host: "127.0.0.1", port: 0, dataDir }, { output: "ignore" });
    expect(await new Promise((resolve) => second.child.once("exit", resolve))).toBe(1);
  });
});
