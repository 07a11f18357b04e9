import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import type { SinkGroup, SinkRecord } from "../../fluvio/src/connector/define.ts";
import { type DocumentOptions, encodeDocument } from "../shared/formats/index.ts";
import { ObjectCutter, type ObjectToWrite } from "./object-cutter.ts";
import { type ObjectPath, parseObjectPath } from "./object-path.ts";

const NDJSON: DocumentOptions = { format: "ndjson", compression: "none", columns: undefined };
const DAY = 24 * 3600 * 1000;

function record(offset: number, value: string, more: Partial<SinkRecord> = {}): SinkRecord {
  return { topic: "t", partition: 0, offset, timestampMs: 0, key: undefined, value: Buffer.from(value), ...more };
}

function groupOf(records: readonly SinkRecord[]): SinkGroup & { readonly refused: string[] } {
  const refused: string[] = [];
  return {
    records,
    refused,
    refuse: ({ offset }, reason) => void refused.push(`${offset}: ${reason}`),
    positions: [],
    settleRefused: async () => {},
    following: async () => [],
  };
}

function path(text: string): ObjectPath {
  const found = parseObjectPath(text);
  if (found === undefined) throw new Error(`${text} is no path`);
  return found;
}

const short = (objects: readonly ObjectToWrite[]) =>
  objects.map(({ key, pieces }) => `${key.replaceAll(/0{5,}/g, "")}: ${pieces.map(String).join(" ")}`);

describe("paths", () => {
  test.each(["{{topic}}/{{offset}}", "{{partition}}", "{{partition}}-{{offset}}-{{day}}", "x"])(
    "%s is refused",
    (text) => {
      expect(parseObjectPath(text)).toBeUndefined();
    },
  );

  test("have parts of the record and of its time", () => {
    const cutter = new ObjectCutter(
      path(
        "{{topic}}/{{yyyy}}/{{MM}}/{{dd}}/{{HH}}{{mm}}/{{value.user.name ?? nobody}}/{{partition}}-{{ offset }}.{{extension}}",
      ),
      { ...NDJSON, compression: "gzip" },
    );
    const at = { timestampMs: Date.UTC(2026, 0, 2, 3, 4, 5) };
    const values = ['{"user":{"name":"A/B c"}}', "{}", '{"user":{"name":"\\ud800"}}'];
    const objects = cutter.cut(groupOf(values.map((value, index) => record(7 + index, value, at))));
    expect(objects.map(({ key }) => key)).toEqual([
      "t/2026/01/02/0304/A%2FB c/0-00000000000000000007.ndjson.gz",
      "t/2026/01/02/0304/nobody/0-00000000000000000008.ndjson.gz",
      "t/2026/01/02/0304/%EF%BF%BD/0-00000000000000000009.ndjson.gz",
    ]);
  });

  test("that a record has nothing for refuse that record", () => {
    const cutter = new ObjectCutter(path("{{key}}/{{partition}}-{{offset}}"), NDJSON);
    const group = groupOf([record(1, "1"), record(2, "2", { key: Buffer.from("k") }), record(3, "no json")]);
    expect(short(cutter.cut(group))).toEqual(["k/0-2: 2"]);
    expect(group.refused).toEqual(["1: the record has no key for the path of its object", "3: the value is not JSON"]);
  });

  test("that are longer than S3 takes refuse the record", () => {
    const cutter = new ObjectCutter(path("{{key}}/{{partition}}-{{offset}}"), NDJSON);
    const group = groupOf([record(1, "1", { key: Buffer.from("k".repeat(1100)) })]);
    expect(cutter.cut(group)).toEqual([]);
    expect(group.refused).toEqual([expect.stringContaining("more than S3 allows")]);
  });
});

describe("objects", () => {
  const daily = path("{{dd}}/{{partition}}-{{offset}}");

  test("are by partition and path, named by their first record", () => {
    const cutter = new ObjectCutter(daily, NDJSON);
    const records = [
      record(1, "1"),
      record(2, "2", { timestampMs: DAY }),
      record(3, "3"),
      record(1, "4", { partition: 1 }),
    ];
    expect(short(cutter.cut(groupOf(records)))).toEqual(["01/0-1: 1 3", "02/0-2: 2", "01/1-1: 4"]);
  });

  test("of a group that is repeated, longer or shorter, are there once: later names overwrite earlier ones", () => {
    const records = Array.from({ length: 12 }, (_, offset) =>
      record(offset, `${offset}`, { timestampMs: offset % 3 === 0 ? DAY : 0 }),
    );
    for (const killedAfter of [1, 2, 5, 8]) {
      for (const length of [1, 3, 4, 12]) {
        const bucket = new Map<string, string[]>();
        const write = (cutter: ObjectCutter, some: readonly SinkRecord[]) => {
          for (const { key, pieces } of cutter.cut(groupOf(some))) bucket.set(key, pieces.map(String));
        };
        write(new ObjectCutter(daily, NDJSON), records.slice(2, 2 + killedAfter));
        const next = new ObjectCutter(daily, NDJSON);
        for (let at = 2; at < records.length; at += length) write(next, records.slice(at, at + length));
        const found = [...bucket.values()].flat().sort((a, b) => Number(a) - Number(b));
        expect(found).toEqual(records.slice(2).map(({ offset }) => String(offset)));
      }
    }
  });

  test("that begin with the same offset, as one record became many, have names of their own", () => {
    const cutter = new ObjectCutter(daily, NDJSON);
    const keys: string[] = [];
    for (const offsets of [[5, 6], [6, 6], [6], [6, 7], [8]]) {
      const group = groupOf(offsets.map((offset) => record(offset, "1")));
      keys.push(...cutter.cut(group).map(({ key }) => key.replaceAll(/0{5,}/g, "")));
      // A repetition of the same group has the same names.
      expect(cutter.cut(group).at(-1)?.key.replaceAll(/0{5,}/g, "")).toBe(keys.at(-1));
      cutter.written(group);
    }
    expect(keys).toEqual(["01/0-5", "01/0-6.1", "01/0-6.2", "01/0-6.3", "01/0-8"]);
  });
});

describe("documents", () => {
  const encoded = async (options: DocumentOptions, values: readonly string[]) => {
    const group = groupOf(values.map((value, offset) => record(offset, value)));
    const [object] = new ObjectCutter(path("{{partition}}-{{offset}}"), options).cut(group);
    return { bytes: Buffer.from(await encodeDocument(object?.pieces ?? [], options)), refused: group.refused };
  };

  test("of lines take what has no line breaks, or is JSON", async () => {
    const { bytes, refused } = await encoded({ ...NDJSON, format: "lines" }, ["plain", '{"a":\n1}', "two\nlines"]);
    expect(bytes.toString()).toBe('plain\n{"a": 1}\n');
    expect(refused).toEqual(["2: the value has line breaks and is not JSON"]);
  });

  test("are packed when that is asked for", async () => {
    const { bytes } = await encoded({ ...NDJSON, compression: "gzip" }, ["1", "2"]);
    expect(gunzipSync(bytes).toString()).toBe("1\n2\n");
  });

  test("of rows refuse what is no object, and what does not fit its column", async () => {
    const columns = [
      { name: "n", type: "integer" as const },
      { name: "t", type: "timestamp" as const },
    ];
    const values = ['{"n":1,"t":"2026-01-01"}', "[1]", '{"n":1.5}', '{"t":"when"}', '{"n":null}'];
    const { bytes, refused } = await encoded({ ...NDJSON, format: "parquet", columns }, values);
    expect(bytes.subarray(0, 4).toString()).toBe("PAR1");
    expect(refused).toEqual([
      "1: the value is not a JSON object",
      "2: the value has 1.5 for `n`, which is no integer",
      '3: the value has "when" for `t`, which is no timestamp',
    ]);
  });

  test("of CSV have the columns asked for", async () => {
    const { bytes } = await encoded({ ...NDJSON, format: "csv", columns: [{ name: "b" }, { name: "a" }] }, [
      '{"a":1,"c":2}',
    ]);
    expect(bytes.toString()).toBe("b,a\n,1\n");
  });
});
