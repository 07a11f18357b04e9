import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { compileLibrary } from "../scripts/lib/smartmodules.mjs";
import { HALF, MillionRecords } from "./million-records.ts";

/** Seconds on a quiet machine, a minute on a busy one; most of it goes into writing the records. */
const TIMEOUT_MS = 300_000;

test(
  "the regex filter of the library goes through a million records, and no memory grows",
  async () => {
    const files = await compileLibrary(["regex-filter"]);
    const wasm = await readFile(files.get("regex-filter") as string);
    await using million = await MillionRecords.start();
    await million.fluvio.admin().createSmartModule("regex-filter", wasm);
    const { kept, moduleBytesMore, clusterBytesMore } = await million.read("regex-filter", { regex: HALF.regex });
    expect(kept).toBe(HALF.kept);
    // 100 MB came out of the module
    expect(moduleBytesMore).toBeLessThan(4e6);
    expect(clusterBytesMore).toBeLessThan(64e6);
  },
  TIMEOUT_MS,
);
