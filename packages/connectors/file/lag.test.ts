import { appendFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, expect, test } from "vitest";
import { SourceRun } from "../testing/run-source.ts";
import { connector } from "./source.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "fluvio-lag-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const start = () => new SourceRun(connector, { path: folder, "poll-interval": "20ms" });

test("the lag is what is behind the end of the files, in bytes; what is only begun is a part of it", async () => {
  await writeFile(join(folder, "a.log"), "one\ntwo\n");
  await writeFile(join(folder, "b.log"), "three\nfo");
  const run = start();
  await run.until(() => run.lags.at(-1) === 2);
  await appendFile(join(folder, "b.log"), "ur\n");
  await run.until(() => run.lags.at(-1) === 0);
  await run.stop();
  expect(connector.lagUnit).toBe("bytes");
});

test("it is told while a file is read: whatever was not handed over yet, packed files as they are until they are read", async () => {
  const line = `${"x".repeat(1023)}\n`;
  const packed = gzipSync("one\n");
  await writeFile(join(folder, "a.log"), line.repeat(600));
  await writeFile(join(folder, "b.log.gz"), packed);
  const run = start();
  await run.until(() => run.lags.at(-1) === 0);
  await run.stop();
  // behind the first piece, which has 256 KiB
  expect(run.lags[0]).toBe(344 * 1024 + packed.length);
  expect(run.records).toHaveLength(601);
});
