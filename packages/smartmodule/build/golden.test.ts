import { describe, expect, it } from "vitest";
import { buildSdk } from "../../../tests/fixtures/build-sdk.ts";
import { expectedOutcome, readAbiVectors, replay } from "../../fluvio/src/smartengine/testing/abi-vectors.ts";

const VECTORS = readAbiVectors();
const MODULES = [...new Set(VECTORS.map((vector) => vector.module))];

describe("the same function in Rust and in AssemblyScript", () => {
  it.each(MODULES)("%s gives the same bytes for every recorded call", async (name) => {
    const module = new WebAssembly.Module(await buildSdk(name));
    const vectors = VECTORS.filter((vector) => vector.module === name);
    expect(vectors.length).toBeGreaterThan(2);
    for (const vector of vectors) {
      expect(replay(vector, VECTORS, module), `${vector.version} ${vector.note}`).toEqual(expectedOutcome(vector));
    }
  });
});
