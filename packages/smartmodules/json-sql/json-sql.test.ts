import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { ModuleUnderTest } from "../testing/harness.ts";
import { at, object, pathText, randomNumbers, segments, written } from "../testing/json.ts";

const module = new ModuleUnderTest("json-sql");
afterAll(() => module[Symbol.asyncDispose]());

const MAPPING = {
  table: "target_table",
  "map-columns": {
    device_id: { "json-key": "device.device_id", value: { type: "int", required: true } },
    device_type: { "json-key": "$.device.type", value: { type: "text", default: "mobile" } },
    record: { "json-key": "$", value: { type: "jsonb", required: true } },
  },
};

async function mapped(mapping: unknown, value: string, options: Record<string, string> = {}) {
  return await module.run({ mapping: JSON.stringify(mapping), ...options }, [{ key: "k", value }]);
}

describe("json-sql", () => {
  it("makes a row of the SQL model, exactly", async () => {
    expect(await mapped(MAPPING, ' {"device": {"device_id": 1}} ')).toMatchObject({
      values: [
        '{"Insert":{"table":"target_table","values":[' +
          '{"column":"device_id","raw_value":"1","type":"Int"},' +
          '{"column":"device_type","raw_value":"mobile","type":"Text"},' +
          '{"column":"record","raw_value":"{\\"device\\":{\\"device_id\\":1}}","type":"Json"}]}}',
      ],
      keys: ["k"],
    });
  });

  it("upserts by unique columns, in both forms that sinks of the original read", async () => {
    const mapping = { ...MAPPING, operation: "upsert", "unique-columns": ["device_id", "x"] };
    const { values } = await mapped(mapping, '{"device":{"device_id":1}}');
    const row = JSON.parse(values[0] as string) as { Upsert: Record<string, unknown> };
    expect(row.Upsert).toMatchObject({
      table: "target_table",
      id_columns: ["device_id", "x"],
      uniq_idx: "device_id,x",
    });
    const named = { ...MAPPING, operation: "upsert", "uniq-idx": "a, b" };
    const other = await mapped(named, '{"device":{"device_id":1}}');
    expect(other.values[0]).toContain('"id_columns":["a","b"],"uniq_idx":"a, b"}}');
  });

  it.each([
    ["int8", "BigInt"],
    ["bigint", "BigInt"],
    ["int4", "Int"],
    ["integer", "Int"],
    ["int2", "SmallInt"],
    ["boolean", "Bool"],
    ["bytea", "Bytes"],
    ["float", "Float"],
    ["Double Precision", "DoublePrecision"],
    ["decimal", "Numeric"],
    ["date", "Date"],
    ["time", "Time"],
    ["timestamp", "Timestamp"],
    ["json", "Json"],
    ["uuid", "Uuid"],
  ])("the type %s is %s", async (type, model) => {
    const mapping = { table: "t", "map-columns": { c: { "json-key": "a", value: { type } } } };
    expect((await mapped(mapping, '{"a":1}')).values[0]).toContain(`"raw_value":"1","type":"${model}"`);
  });

  it.each([
    ["arr.0", '"x\\n\\""', 'x\\n\\"'],
    [".arr.1", '{"y" : [1 , 2]}', '{\\"y\\":[1,2]}'],
    ["none", "1", ""],
    ["nul", "1", "null"],
  ])("%s", async (key, element, raw) => {
    const mapping = { table: "t", columns: { c: { "json-key": key, value: { type: "text" } } } };
    const value = `{"arr":[${key.endsWith("1") ? "0," : ""}${element}],"nul":null}`;
    expect((await mapped(mapping, value)).values[0]).toContain(`"raw_value":"${raw}","type":"Text"`);
  });

  it("says which required field is missing, or keeps the record", async () => {
    expect((await mapped(MAPPING, "{}")).error).toBe("Missing required field: device.device_id");
    expect((await mapped(MAPPING, "{")).error).toBe("JSON ends too early at byte 1");
    expect((await mapped(MAPPING, "{}", { "on-error": "keep" })).values).toEqual(["{}"]);
  });

  it.each<[unknown, string]>([
    [[], "Invalid param mapping: it is no JSON object"],
    [{}, "table is missing"],
    [{ table: "t" }, "map-columns is missing or empty"],
    [{ ...MAPPING, operation: "merge" }, "operation is insert or upsert, not merge"],
    [{ ...MAPPING, operation: "upsert" }, "upsert needs unique-columns"],
    [
      { table: "t", "map-columns": { c: { "json-key": "a", value: { type: "money" } } } },
      "column c: unknown type money",
    ],
    [{ table: "t", "map-columns": { c: { value: { type: "int" } } } }, "column c: json-key is missing"],
    [
      { table: "t", "map-columns": { c: { "json-key": "a.", value: { type: "int" } } } },
      "column c: json-key is not a path: a.",
    ],
    [{ table: "t", tabel: 1 }, "unknown key tabel"],
  ])("refuses %o", async (mapping, problem) => {
    expect(await module.refusal({ mapping: JSON.stringify(mapping) })).toContain(problem);
  });

  it("writes what JSON.parse finds, as the original does", async () => {
    const property = fc.asyncProperty(object, segments, randomNumbers, async (value, parts, random) => {
      const mapping = {
        table: "t",
        columns: { c: { "json-key": pathText(parts), value: { type: "text", default: 7 } } },
      };
      const { values } = await mapped(mapping, written(value, random));
      const row = JSON.parse(values[0] as string) as { Insert: { values: [{ raw_value: string }] } };
      const raw = row.Insert.values[0].raw_value;
      const found = at(value, parts);
      if (found === undefined) expect(raw).toBe("7");
      else if (typeof found === "string") expect(raw).toBe(found);
      else expect(JSON.parse(raw)).toEqual(found);
      expect(typeof found === "object" && /^\s|[^"]\s$/.test(raw)).toBe(false);
    });
    await fc.assert(property, { numRuns: 200 });
  });
});
