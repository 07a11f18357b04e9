import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildAs } from "../../../../tests/fixtures/build-as.ts";
import { testSmartModule } from "./testing.ts";

let dir = "";
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "fluvio-testing-"));
});
afterAll(async () => {
  await rm(dir, { recursive: true, force: true });
});

describe("testSmartModule", () => {
  it("gives keys, offsets, times and bytes of what comes out", async () => {
    const records = [
      { key: "a", value: "apple", timestampMs: 1000 },
      { value: "kiwi", timestampMs: 2000 },
      { key: new Uint8Array([0xff]), value: "banana", timestampMs: 3000 },
    ];
    const result = await testSmartModule({ wasm: await buildAs("filter"), records });
    expect(result).toMatchObject({ values: ["apple", "banana"], error: undefined, output: [], openWindows: [] });
    expect(result.records).toMatchObject([
      { key: "a", value: "apple", offset: 0, timestampMs: 1000 },
      { offset: 2, timestampMs: 3000, keyBytes: new Uint8Array([0xff]) },
    ]);
  });

  it("gives the error of a record, after what came before it", async () => {
    const result = await testSmartModule({ wasm: await buildAs("kitchen"), records: ["keep", "error", "later"] });
    expect(result.error).toMatchObject({
      message: expect.stringContaining("asked to fail"),
      offset: 1,
      kind: "filter",
    });
  });

  it("takes the wasm of a file, by path and by URL", async () => {
    const path = join(dir, "filter.wasm");
    await writeFile(path, await buildAs("filter"));
    for (const wasm of [path, pathToFileURL(path)]) {
      expect((await testSmartModule({ wasm, records: ["plum", "pear"] })).values).toEqual(["pear"]);
    }
  });

  it("gives history to a module that looks back", async () => {
    const wasm = await buildAs("look-back");
    const records = ["a", "b", "c"];
    expect((await testSmartModule({ wasm, records, history: ["a", "b"] })).values).toEqual(["c"]);
    expect((await testSmartModule({ wasm, records, history: ["a", "b"], lookbackLast: 1 })).values).toEqual(["a", "c"]);
  });

  it("cuts an aggregate into windows, and shows those that are open", async () => {
    const at = (value: string, timestampMs: number) => ({ value, timestampMs });
    const result = await testSmartModule({
      wasm: await buildAs("aggregate"),
      records: [at("1", 1000), at("2", 9000), at("3", 12_000)],
      window: { sizeMs: 10_000 },
    });
    expect(result.records).toHaveLength(1);
    expect(result.records[0]).toMatchObject({ key: "0/10000", timestampMs: 10_000 });
    expect(result.openWindows).toMatchObject([{ startMs: 10_000, endMs: 20_000, recordCount: 1 }]);
  });

  it("gives what a module prints", async () => {
    const { output } = await testSmartModule({ wasm: await buildAs("wasi-output"), records: ["hello"] });
    expect(output.length).toBeGreaterThan(0);
  });

  it("fails where init does, and without a project", async () => {
    await expect(testSmartModule({ wasm: await buildAs("init"), records: ["x"] })).rejects.toMatchObject({
      code: "FLV_SMARTMODULE_INIT",
    });
    await expect(testSmartModule({ project: dir, records: ["x"] })).rejects.toMatchObject({ code: "FLV_ARGUMENT" });
  });
});
