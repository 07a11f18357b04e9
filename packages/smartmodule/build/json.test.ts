import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import { compileSdk } from "../../../tests/fixtures/build-sdk.ts";
import { makeSection } from "../../fluvio/src/smartengine/testing/batches.ts";
import { TestHost } from "./testing/host.ts";

const PROBE = fileURLToPath(new URL("../../../tests/fixtures/assembly-sdk/probes/json.ts", import.meta.url));

describe("json-as", () => {
  let wasm: Uint8Array;
  let host: TestHost;
  beforeAll(async () => {
    wasm = await compileSdk(PROBE);
    host = new TestHost(wasm);
  }, 120_000);

  function map(...values: string[]): { readonly code: number; readonly output: string } {
    const { code, output } = host.call("map", { records: makeSection(values) });
    return { code, output: Buffer.from(output).toString() };
  }

  it("asks the host for nothing", () => {
    const imports = WebAssembly.Module.imports(new WebAssembly.Module(wasm)).map((entry) => entry.name);
    expect(imports).toEqual(["copy_records"]);
  });

  it("reads and writes objects", () => {
    const order = { id: 7, price: 2.5, tags: ["a", "é\n"], counts: [1, -2], items: [{ sku: "s", count: 3 }] };
    const { code, output } = map(JSON.stringify({ ...order, prices: { x: 1.5 }, paid: true }));
    expect(code).toBe(1);
    const json = output.slice(output.indexOf("{"), output.lastIndexOf("}") + 1);
    expect(JSON.parse(json)).toEqual({
      ...order,
      price: 5,
      prices: { x: 1.5 },
      paid: true,
    });
  });

  it("keeps the values of a new object where JSON has none or others", () => {
    for (const json of ["{}", '{"extra":{"a":["}"]}}', '{"id":"x"}', '{"tags":5}', '{"paid":1}', '{"price":null}']) {
      const { code, output } = map(json);
      expect([code, output.includes('"id":0,"price":0,"tags":[],"counts":[]')], json).toEqual([1, true]);
    }
  });

  it("gives an error of the record for what is no JSON, or does not fit", () => {
    const broken = {
      nope: "expected ident at line 1 column 2",
      "": "EOF while parsing a value at line 1 column 0",
      '{"id":1': "EOF while parsing an object at line 1 column 7",
      "[]": "the JSON is no object",
      "5": "the JSON is no object",
      '{"tags":[1]}': "the JSON does not fit Order",
      '{"counts":["x"]}': "the JSON does not fit Order",
      '{"counts":[1.5]}': "the JSON does not fit Order",
      '{"items":[1]}': "the JSON does not fit Order",
      '{"items":[[]]}': "the JSON does not fit Order",
    };
    for (const [json, message] of Object.entries(broken)) {
      const { code, output } = map("{}", json, "{}");
      expect([code, output.includes(message)], `${json}: ${output}`).toEqual([1, true]);
    }
  });

  it("keeps memory as it is over many calls", () => {
    const good = JSON.stringify({ id: 1, tags: ["a", "b"], items: [{ sku: "x" }] });
    for (let i = 0; i < 200; i++) map(good, good, "nope");
    const before = host.memoryBytes;
    for (let i = 0; i < 1500; i++) map(good, good, "nope");
    expect(host.memoryBytes).toBe(before);
  });
});
