import { describe, expect, it } from "vitest";
import { buildAs } from "../../../../tests/fixtures/build-as.ts";
import { encodeParams, inputSize, writeInput } from "./host/abi.ts";
import { expectedOutcome, parseInput, readAbiVectors, replay } from "./testing/abi-vectors.ts";

const VECTORS = readAbiVectors();

/** AssemblyScript fixtures that do what the Rust module of the vectors does. */
const TWINS: Readonly<Record<string, string>> = {
  m_filter: "filter",
  m_filter_map: "filter-map",
  m_aggregate: "aggregate",
  m_init: "init",
  m_look_back: "look-back",
};

describe("inputs", () => {
  it("are laid out as the vectors have them, at every version", () => {
    const transforms = VECTORS.filter((vector) => vector.call !== "init");
    let compared = 0;
    for (const vector of transforms) {
      const parsed = parseInput(vector);
      if (parsed === undefined) continue;
      const tail = { params: encodeParams(new Map(), undefined, vector.version), accumulator: parsed.accumulator };
      const memory = new ArrayBuffer(inputSize(parsed.input, tail, vector.version));
      writeInput(memory, 0, parsed.input, tail, vector.version);
      expect(Buffer.from(memory).toString("hex"), `${vector.module} ${vector.version} ${vector.note}`).toBe(
        vector.input,
      );
      compared += 1;
    }
    expect(compared).toBeGreaterThan(80);
  });

  it("carry lookback settings from version 20 on and their age from 21 on", () => {
    const params = new Map([["k", "v"]]);
    const hex = (version: number) =>
      Buffer.from(encodeParams(params, { last: 3, ageMs: 1500 }, version)).toString("hex");
    const map = "000100016b000176";
    expect(hex(19)).toBe(map);
    expect(hex(20)).toBe(`${map}010000000000000003`);
    expect(hex(22)).toBe(`${map}01000000000000000301${"0000000000000001"}1dcd6500`);
  });
});

describe("the fixtures in AssemblyScript", () => {
  for (const [module, twin] of Object.entries(TWINS)) {
    it(`${twin} gives the bytes of ${module}`, async () => {
      const compiled = new WebAssembly.Module(await buildAs(twin));
      const vectors = VECTORS.filter((vector) => vector.module === module);
      expect(vectors.length).toBeGreaterThan(5);
      for (const vector of vectors) {
        const outcome = replay(vector, VECTORS, compiled);
        expect(outcome, `${vector.version} ${vector.note}`).toEqual(expectedOutcome(vector));
      }
    });
  }
});
