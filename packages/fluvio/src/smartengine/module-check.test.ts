import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { buildAs } from "../../../../tests/fixtures/build-as.ts";
import { isFluvioError } from "../protocol/index.ts";
import { capMemory } from "./host/wasm-binary.ts";
import { createSmartEngine } from "./index.ts";
import { compileModule } from "./module-check.ts";

const GIB = 1 << 30;
const engine = createSmartEngine();
afterAll(() => engine[Symbol.asyncDispose]());

describe("a module that cannot be used is refused with its name and the reason", () => {
  const filter = () => buildAs("filter");
  const cases: Readonly<Record<string, readonly [wasm: () => Promise<Uint8Array>, reason: string]>> = {
    "no bytes": [async () => new Uint8Array(0), "it is empty"],
    "no wasm": [async () => new TextEncoder().encode("#!/bin/sh"), "it is no WebAssembly"],
    "the text format": [async () => new TextEncoder().encode("(module)"), "it is WebAssembly text, not a binary"],
    "a compressed module": [async () => gzipSync(await filter()), "it is still compressed with gzip"],
    "a module cut short": [async () => (await filter()).subarray(0, 500), "it does not compile"],
    "a header alone": [async () => Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0), "it does not import copy_records"],
    "no copy_records": [() => buildAs("no-copy-records"), "it does not import copy_records"],
    "no transform": [() => buildAs("no-transform"), "it exports none of filter, map, filter_map, array_map, aggregate"],
    "two parameters": [() => buildAs("wrong-arity"), "its export filter takes 2 parameters, not 3"],
    "an import that is not there": [
      () => buildAs("unknown-import"),
      "it imports env.open_socket (function), which a SmartModule does not get",
    ],
  };
  for (const [name, [wasm, reason]] of Object.entries(cases)) {
    it(name, async () => {
      const refusal = {
        code: "FLV_SMARTMODULE_INVALID",
        message: expect.stringContaining(`SmartModule "broken" cannot be used: ${reason}`),
        hint: expect.any(String),
      };
      await expect(engine.inspect("broken", await wasm())).rejects.toMatchObject(refusal);
      await expect(engine.chain([{ name: "broken", wasm: await wasm(), params: new Map() }])).rejects.toMatchObject(
        refusal,
      );
    });
  }

  it("damaged bytes never do more than that", async () => {
    const wasm = await filter();
    const damage = fc.array(fc.tuple(fc.nat({ max: wasm.length - 1 }), fc.integer({ min: 0, max: 255 })), {
      minLength: 1,
      maxLength: 4,
    });
    await fc.assert(
      fc.asyncProperty(damage, async (changes) => {
        const damaged = wasm.slice();
        for (const [at, byte] of changes) damaged[at] = byte;
        const outcome = await compileModule("damaged", damaged, GIB).catch((error: unknown) => error);
        expect(outcome instanceof Error ? isFluvioError(outcome) : true).toBe(true);
      }),
      { numRuns: 200 },
    );
  });
});

describe("the memory of a module", () => {
  /** A module with one memory of these limits that it exports. */
  function memoryModule(limits: readonly number[]): Uint8Array {
    const memory = [5, limits.length + 1, 1, ...limits];
    const exports = [7, 10, 1, 6, 0x6d, 0x65, 0x6d, 0x6f, 0x72, 0x79, 2, 0];
    return Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, ...memory, ...exports);
  }

  function pagesThatFit(wasm: Uint8Array): number {
    const instance = new WebAssembly.Instance(new WebAssembly.Module(wasm));
    const memory = instance.exports.memory as WebAssembly.Memory & { grow(pages: number): number };
    for (;;) {
      try {
        memory.grow(1);
      } catch {
        return memory.buffer.byteLength / 65536;
      }
    }
  }

  it("cannot grow past the limit, nor past its own maximum", () => {
    expect(pagesThatFit(capMemory("m", memoryModule([0, 1]), 10 * 65536))).toBe(10);
    expect(pagesThatFit(capMemory("m", memoryModule([1, 1, 3]), 10 * 65536))).toBe(3);
    expect(pagesThatFit(capMemory("m", memoryModule([1, 1, 100]), 10 * 65536))).toBe(10);
  });

  it("must not start above the limit", () => {
    expect(() => capMemory("big", memoryModule([0, 20]), 10 * 65536)).toThrow(
      expect.objectContaining({
        code: "FLV_SMARTMODULE_MEMORY_LIMIT",
        details: { module: "big", requested: 20 * 65536, max: 10 * 65536 },
      }),
    );
  });
});
