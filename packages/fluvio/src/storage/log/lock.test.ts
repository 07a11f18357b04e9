import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type LogPlace, makeLogPlace } from "../testing/log-place.ts";

let place: LogPlace;
let lockPath: string;
beforeEach(async () => {
  place = await makeLogPlace();
  lockPath = join(place.directory, ".lock");
});
afterEach(() => place.remove());

test("a data folder is used by one engine at a time", async () => {
  const engine = await place.open();
  await expect(place.open()).rejects.toMatchObject({ code: "FLV_DATA_LOCKED", details: { pid: process.pid } });
  await engine[Symbol.asyncDispose]();
  await (await place.open())[Symbol.asyncDispose]();
  expect(await readdir(place.directory)).toEqual([]);
});

test("of many that start at once one wins", async () => {
  const results = await Promise.allSettled(Array.from({ length: 10 }, () => place.open()));
  const won = results.filter((result) => result.status === "fulfilled");
  expect(won).toHaveLength(1);
  for (const result of results) {
    if (result.status === "rejected") expect(result.reason).toMatchObject({ code: "FLV_DATA_LOCKED" });
  }
  await won[0]!.value[Symbol.asyncDispose]();
});

test("of many that find the lock of a process that is gone one wins", async () => {
  const gone = JSON.stringify({ pid: 2 ** 22 + 1, startedAt: "1", realm: "elsewhere", token: "theirs" });
  const longAgo = new Date(Date.now() - 60_000);
  for (let round = 0; round < 20; round++) {
    await writeFile(lockPath, gone);
    await utimes(lockPath, longAgo, longAgo);
    const results = await Promise.allSettled(Array.from({ length: 10 }, () => place.open()));
    const won = results.filter((result) => result.status === "fulfilled");
    expect(won).toHaveLength(1);
    await won[0]!.value[Symbol.asyncDispose]();
  }
});

test("the lock of a process that is gone is taken over", async () => {
  const child = spawn(process.execPath, ["-e", ""]);
  await once(child, "exit");
  const engine = await place.open();
  const held = JSON.parse(await readFile(lockPath, "utf8"));
  await engine[Symbol.asyncDispose]();
  await writeFile(lockPath, JSON.stringify({ ...held, pid: child.pid, token: "old" }));
  await (await place.open())[Symbol.asyncDispose]();
});

test("the lock of an earlier process with the same number is taken over", async () => {
  const engine = await place.open();
  const held = JSON.parse(await readFile(lockPath, "utf8"));
  await engine[Symbol.asyncDispose]();
  await writeFile(lockPath, JSON.stringify({ ...held, startedAt: "1", token: "old" }));
  await (await place.open())[Symbol.asyncDispose]();
});

test("a lock of another machine holds while it is renewed, and no longer", async () => {
  const foreign = JSON.stringify({ pid: 1, startedAt: "1", realm: "elsewhere", token: "theirs" });
  await writeFile(lockPath, foreign);
  await expect(place.open()).rejects.toMatchObject({ code: "FLV_DATA_LOCKED" });
  const longAgo = new Date(Date.now() - 60_000);
  await utimes(lockPath, longAgo, longAgo);
  await (await place.open())[Symbol.asyncDispose]();
});

test("a lock file that cannot be read is taken over", async () => {
  for (const content of ["", "{", "null", "7"]) {
    await writeFile(lockPath, content);
    await (await place.open())[Symbol.asyncDispose]();
  }
});

test("a folder that cannot be made is said so", async () => {
  await writeFile(lockPath, "");
  await expect(place.open({ directory: join(lockPath, "data") })).rejects.toMatchObject({ code: "FLV_FILE" });
});
