import {
  appendFile,
  chmod,
  copyFile,
  mkdir,
  readdir,
  rename,
  rm,
  truncate,
  unlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { beforeEach, describe, expect, test } from "vitest";
import type { ConnectorConfig, ParameterValue } from "../../fluvio/src/connector/file/config.ts";
import { type RunningConnector, useConnectors } from "../testing/connectors.ts";
import { connector } from "./source.ts";

/** The source with real files and a real cluster. */
const connectors = useConnectors();
let folder: string;
let topic: string;
let count = 0;

beforeEach(async () => {
  folder = join(connectors.folder, `files-${++count}`);
  await mkdir(folder);
  topic = await connectors.topicWith([]);
});

const at = (name: string) => join(folder, name);
const put = (name: string, text: string | Uint8Array) => writeFile(at(name), text);

function config(parameters: Readonly<Record<string, ParameterValue>> = {}): ConnectorConfig {
  return connectors.config("file-source", topic, {
    path: folder,
    "poll-interval": "20ms",
    "settle-time": "0s",
    ...parameters,
  });
}
const start = (own: ConnectorConfig): RunningConnector => connectors.start(connector, own);
const values = async (expected: number) => (await connectors.records(topic, expected)).map(({ value }) => value);
const stored = async () => (await connectors.stored(topic)).map(({ value }) => value);

/** Reads all there is and ends. */
async function readOnce(parameters: Readonly<Record<string, ParameterValue>> = {}): Promise<string[]> {
  await start(config({ follow: "false", ...parameters })).done;
  return stored();
}

describe("what is read", () => {
  test("the files of a folder by name, without those that begin with a dot; then it ends", async () => {
    await put("b.log", "3\n4");
    await put("a.log", "1\r\n2\n");
    await put(".hidden", "no\n");
    await mkdir(at("below"));
    await put("below/c.log", "no\n");
    const own = start(config({ follow: "false" }));
    await own.done;
    expect(own.messages).toContainEqual({ type: "finished" });
    expect(await stored()).toEqual(["1", "2", "3", "4"]);
  });

  test("a pattern over folders, in the order of change, with what is excluded left out", async () => {
    await mkdir(at("x/y"), { recursive: true });
    await put("x/y/b.csv", "id\n1\n");
    await put("x/skip.csv", "id\nno\n");
    await put("x/other.txt", "no");
    await put("x/a.csv", "id\n2\n");
    await utimes(at("x/y/b.csv"), 1, 1);
    const parameters = { path: `${folder}/**/*.csv`, exclude: ["skip*"], format: "csv", order: "modified" };
    expect(await readOnce(parameters)).toEqual(['{"id":"1"}', '{"id":"2"}']);
  });

  test("JSON of either kind, packed files, the path as key", async () => {
    await put("1.json", '[{"a":1},\n{"a":2}]');
    await put("2.json.gz", gzipSync('{"a":3}\n{"a":4}'));
    expect(await readOnce({ format: "json", key: "path" })).toEqual(['{"a":1}', '{"a":2}', '{"a":3}', '{"a":4}']);
    expect((await connectors.stored(topic)).map(({ key }) => key)).toEqual([
      at("1.json"),
      at("1.json"),
      at("2.json.gz"),
      at("2.json.gz"),
    ]);
  });

  test("a large file, in order", async () => {
    const lines = Array.from({ length: 6000 }, (_, index) => `line ${index} ${"x".repeat(index % 100)}`);
    await put("large.log", lines.join("\n"));
    expect(await readOnce({ path: at("large.log") })).toEqual(lines);
  });

  test("what is not in the format is in the log, with its place, and left out", async () => {
    await put("a.ndjson", '{"a":1}\nbroken\n{"a":2}\n');
    const own = start(config({ follow: "false", format: "ndjson" }));
    await own.done;
    expect(await stored()).toEqual(['{"a":1}', '{"a":2}']);
    expect(own.lines.find(({ level }) => level === "error")).toMatchObject({
      message: "record left out: invalid",
      details: { document: at("a.ndjson"), offset: 8, bytes: expect.anything() },
    });
  });

  test("or ends the connector, if that is asked for", async () => {
    await put("a.log", `ok\n${"x".repeat(2000)}\n`);
    const own = start(config({ "max-record-size": "1KB", "on-invalid": "stop" }));
    await expect(own.done).rejects.toMatchObject({
      code: "FLV_CONNECTOR_STOPPED",
      message: expect.stringContaining("at byte 3"),
    });
    expect(await stored()).toEqual(["ok"]);
  });
});

describe("a file that grows", () => {
  test("is followed; a line that has only begun waits for its end", async () => {
    await put("a.log", "1\n2\n3 and");
    start(config({ path: at("a.log") }));
    expect(await values(2)).toEqual(["1", "2"]);
    await appendFile(at("a.log"), " a half\n4\n");
    expect(await values(4)).toEqual(["1", "2", "3 and a half", "4"]);
  });

  test("and new ones beside it", async () => {
    await put("a.log", "1\n");
    start(config());
    await values(1);
    await put("b.log", "2\n");
    await values(2);
    await appendFile(at("a.log"), "3\n");
    expect(await values(3)).toEqual(["1", "2", "3"]);
  });

  test("from its end on, if that is asked for: whole lines; later files from their beginning", async () => {
    await put("a.log", "old\nhalf ");
    await put("z.csv", "no\n");
    const own = start(config({ path: `${folder}/*.log`, start: "end" }));
    await own.until(() => own.lines.some(({ message }) => message === "found a file"));
    await put("b.log", "new\n");
    await values(1);
    await appendFile(at("a.log"), "a line\n");
    expect(await values(2)).toEqual(["new", "half a line"]);
  });

  test("from its end on, with the names of a header before it", async () => {
    await put("a.csv", "id,name\n1,old\n");
    const own = start(config({ format: "csv", start: "end" }));
    await own.until(() => own.lines.some(({ message }) => message === "found a file"));
    await put("b.csv", "x\n9\n");
    await values(1);
    await appendFile(at("a.csv"), "2,new\n");
    expect(await values(2)).toEqual(['{"x":"9"}', '{"id":"2","name":"new"}']);
  });
});

describe("rotation", () => {
  test("by a new name: the old file is read to its end first, and what is still written to it", async () => {
    const path = at("a.log");
    await writeFile(path, "1\n");
    start(config({ path, "settle-time": "10s" }));
    await values(1);
    await appendFile(path, "2\n");
    await rename(path, at("a.log.1"));
    await writeFile(path, "3\n");
    expect(await values(3)).toEqual(["1", "2", "3"]);
    await appendFile(at("a.log.1"), "late\n");
    expect(await values(4)).toEqual(["1", "2", "3", "late"]);
  });

  test("a line without its end is a record when the old file is let go", async () => {
    const path = at("a.log");
    await writeFile(path, "1\nunfinished");
    const own = start(config({ path }));
    await values(1);
    await rename(path, at("a.log.1"));
    await writeFile(path, "2\n");
    await own.until(() => own.lines.some(({ message }) => message.includes("rotated away")));
    expect((await values(3)).sort()).toEqual(["1", "2", "unfinished"]);
  });

  test("by a copy and truncation", async () => {
    const path = at("a.log");
    await writeFile(path, "1\n2\n");
    const own = start(config({ path }));
    await values(2);
    await copyFile(path, at("a.log.1"));
    await truncate(path);
    await own.until(() => own.lines.some(({ details }) => String(details.why).includes("shorter")));
    await appendFile(path, "3\n");
    expect(await values(3)).toEqual(["1", "2", "3"]);
  });

  test("a file that is removed and made again", async () => {
    const path = at("a.log");
    await writeFile(path, "1\n");
    const own = start(config({ path }));
    await values(1);
    await unlink(path);
    await own.until(() => own.troubles.at(-1)?.includes("there is no such file") === true);
    await writeFile(path, "2\n");
    expect(await values(2)).toEqual(["1", "2"]);
    await own.until(() => own.troubles.at(-1) === "");
  });
});

describe("the position", () => {
  test("is kept: the next run goes on at the byte", async () => {
    await put("a.log", "1\n2\nhalf");
    const own = config();
    const first = start(own);
    await values(2);
    await first.stop();
    await appendFile(at("a.log"), " a line\n");
    await put("b.log", "4\n");
    const second = start(own);
    expect(await values(4)).toEqual(["1", "2", "half a line", "4"]);
    await second.stop();
    expect(await stored()).toHaveLength(4);
  });

  test("of CSV has the header with it", async () => {
    await put("a.csv", "id,name\n1,Ann\n");
    const own = config({ format: "csv" });
    const first = start(own);
    await values(1);
    await first.stop();
    await appendFile(at("a.csv"), "2,Bob\n");
    start(own);
    expect(await values(2)).toEqual(['{"id":"1","name":"Ann"}', '{"id":"2","name":"Bob"}']);
  });

  test("outlives a rotation while the connector is stopped: the old file first", async () => {
    const path = at("a.log");
    await writeFile(path, "1\n");
    const own = config({ path });
    const first = start(own);
    await values(1);
    await first.stop();
    await appendFile(path, "2\n");
    await rename(path, at("a.log.1"));
    await writeFile(path, "3\n");
    start(own);
    expect(await values(3)).toEqual(["1", "2", "3"]);
  });

  test("is not that of another file which got the inode", async () => {
    const path = at("a.log");
    await writeFile(path, "first\n");
    const own = config({ path });
    const first = start(own);
    await values(1);
    await first.stop();
    // The same inode with other bytes, as many of them or more.
    await writeFile(path, "other\nsecond\n");
    const second = start(own);
    expect(await values(3)).toEqual(["first", "other", "second"]);
    expect(second.lines.some(({ details }) => String(details.why).includes("first bytes"))).toBe(true);
  });

  test("of a packed file", async () => {
    await put("a.gz", gzipSync("1\n2\n"));
    const own = config();
    const first = start(own);
    await values(2);
    await first.stop();
    await put("b.gz", gzipSync("3\n"));
    const second = start(own);
    expect(await values(3)).toEqual(["1", "2", "3"]);
    await second.stop();
    expect(await stored()).toHaveLength(3);
  });

  test("is kept before there are files, so that later ones are not begun at their end", async () => {
    const own = config({ start: "end" });
    const first = start(own);
    await first.until(() => first.lines.some(({ message }) => message.includes("for the first time")));
    await put("a.log", "1\n");
    await values(1);
    await first.stop();
    await put("b.log", "2\n");
    start(own);
    expect(await values(2)).toEqual(["1", "2"]);
  });
});

describe("files that are done with", () => {
  test("are deleted when their records are stored", async () => {
    await put("a.log", "1\n");
    await put("b.log", "2");
    const own = start(config({ after: "delete" }));
    await own.until(() => own.lines.filter(({ message }) => message.startsWith("deleted")).length === 2);
    expect(await readdir(folder)).toEqual([]);
    expect(await stored()).toEqual(["1", "2"]);
  });

  test("or renamed, and not read again", async () => {
    await put("a.log", "1\n");
    expect(await readOnce({ after: "rename" })).toEqual(["1"]);
    expect(await readdir(folder)).toEqual(["a.log.done"]);
    expect(await readOnce({ after: "rename" })).toEqual(["1"]);
  });

  test("are refused to be put away unread", async () => {
    await expect(start(config({ after: "delete", start: "end" })).done).rejects.toThrow("without having been read");
  });

  test("not before they have settled", async () => {
    await put("a.log", "1\n");
    const own = start(config({ after: "delete", "settle-time": "1h" }));
    await values(1);
    await appendFile(at("a.log"), "2\n");
    await values(2);
    await own.stop();
    expect(await readdir(folder)).toEqual(["a.log"]);
  });
});

describe("what is in the way", () => {
  test("a file that is not there is waited for", async () => {
    const path = at("later.log");
    const own = start(config({ path, follow: "false" }));
    await own.until(() => own.troubles.at(-1) === `${path}: there is no such file or folder`);
    expect(own.lines.some(({ level, message }) => level === "warn" && message.includes("trying again"))).toBe(true);
    await writeFile(path, "1\n");
    await own.done;
    expect(await stored()).toEqual(["1"]);
    expect(own.troubles.at(-1)).toBe("");
  });

  test("a folder that is not there, too", async () => {
    const own = start(config({ path: at("later/*.log") }));
    await own.until(() => own.troubles.at(-1)?.includes("there is no such file or folder") === true);
    await mkdir(at("later"));
    await put("later/a.log", "1\n");
    expect(await values(1)).toEqual(["1"]);
  });

  test("a packed file that is not complete: the others go on, and so does it when the rest comes", async () => {
    const packed = gzipSync(Array.from({ length: 1000 }, (_, index) => `line ${index}`).join("\n"));
    await put("a.gz", packed.subarray(0, packed.length >> 1));
    await put("b.log", "plain\n");
    const own = start(config());
    await own.until(() => own.troubles.at(-1)?.includes("a.gz: the packed file is not complete") === true);
    await put("a.gz", packed);
    const found = await values(1001);
    expect(new Set(found).size).toBe(1001);
    expect(found.filter((value) => value !== "plain")).toEqual(
      Array.from({ length: 1000 }, (_, index) => `line ${index}`),
    );
    await own.until(() => own.troubles.at(-1) === "");
  });

  test("a file that may not be read: it is said, the others go on", async () => {
    await put("a.log", "secret\n");
    await put("b.log", "open\n");
    await chmod(folder, 0o755);
    await chmod(connectors.folder, 0o755);
    await chmod(at("a.log"), 0o000);
    const isRoot = process.geteuid?.() === 0;
    // Root may read everything.
    if (isRoot) process.seteuid?.(65_534);
    try {
      const own = start(config());
      await own.until(() => own.troubles.at(-1) === `${at("a.log")}: permission denied`);
      expect(await values(1)).toEqual(["open"]);
      if (isRoot) process.seteuid?.(0);
      await chmod(at("a.log"), 0o644);
      expect(await values(2)).toEqual(["open", "secret"]);
    } finally {
      if (isRoot) process.seteuid?.(0);
    }
  });

  test("a folder that goes away and comes back with the same files", async () => {
    await mkdir(at("disk"));
    await put("disk/a.log", "1\n");
    const own = start(config({ path: at("disk") }));
    await values(1);
    await rename(at("disk"), at("unmounted"));
    await own.until(() => own.troubles.at(-1)?.includes("there is no such file or folder") === true);
    await rename(at("unmounted"), at("disk"));
    await own.until(() => own.troubles.at(-1) === "");
    await appendFile(at("disk/a.log"), "2\n");
    expect(await values(2)).toEqual(["1", "2"]);
  });
});

test("many files are read with few of them open", async () => {
  const names = Array.from({ length: 100 }, (_, index) => `${String(index).padStart(3, "0")}.log`);
  for (const name of names) await put(name, `${name}\n`);
  const openFiles = async () => (await readdir("/proc/self/fd").catch(() => [])).length;
  const before = await openFiles();
  start(config());
  expect(await values(100)).toEqual(names);
  expect(await openFiles()).toBeLessThan(before + 80);
  await rm(folder, { recursive: true });
});
