import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { HALF, MillionRecords } from "../million-records.ts";

/** Seconds on a quiet machine; most of it goes into writing the records. */
const TIMEOUT_MS = 120_000;

test(
  "a regex filter built with the Rust crate goes through a million records, and no memory grows (complaint: it did not finish, and leaked)",
  async () => {
    const wasm = await readFile(new URL("../fixtures/wasm/m_regex.wasm", import.meta.url));
    await using million = await MillionRecords.start();
    await million.fluvio.admin().createSmartModule("regex", wasm);
    const { kept, moduleBytesMore, clusterBytesMore } = await million.read("regex", { regex: HALF.regex });
    expect(kept).toBe(HALF.kept);
    // 100 MB came out of the module
    expect(moduleBytesMore).toBeLessThan(4e6);
    expect(clusterBytesMore).toBeLessThan(64e6);
  },
  TIMEOUT_MS,
);
