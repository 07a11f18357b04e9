import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { compileSmartModule } from "../packages/smartmodule/build/index.ts";
import { HALF, MillionRecords } from "./million-records.ts";

test("the regex filter of the library goes through a million records, and no memory grows", async () => {
  const entry = fileURLToPath(new URL("../packages/smartmodules/regex-filter/index.ts", import.meta.url));
  const { wasm } = await compileSmartModule({ entry });
  await using million = await MillionRecords.start();
  await million.fluvio.admin().createSmartModule("regex-filter", wasm);
  const { kept, moduleBytesMore, clusterBytesMore } = await million.read("regex-filter", { regex: HALF.regex });
  expect(kept).toBe(HALF.kept);
  // 100 MB came out of the module
  expect(moduleBytesMore).toBeLessThan(4e6);
  expect(clusterBytesMore).toBeLessThan(64e6);
});
