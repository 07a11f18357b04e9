import { gunzipSync, gzipSync } from "node:zlib";
import { beforeAll, describe, expect, test } from "vitest";
import { buildAs } from "../../../../../tests/fixtures/build-as.ts";
import {
  createApi,
  inspectSmartModulesApi,
  type SmartModuleInspection,
  switchSmartModuleApi,
} from "../../protocol/index.ts";
import { createSmartEngine } from "../../smartengine/index.ts";
import { ModuleInspector } from "./module-inspector.ts";
import { TestController } from "./testing/test-controller.ts";

const WAT = new TextEncoder().encode('(module (import "env" "copy_records" (func (param i32 i32))))');

const built = new Map<string, Uint8Array>();
beforeAll(async () => {
  for (const name of ["filter", "look-back", "no-transform", "unknown-import", "wrong-arity", "no-copy-records"]) {
    built.set(name, await buildAs(name));
  }
});

function packed(name: string): Uint8Array {
  return gzipSync(built.get(name) ?? new Uint8Array(0));
}

async function inspect(controller: TestController, ...names: string[]): Promise<readonly SmartModuleInspection[]> {
  const reply = await controller.client.request(inspectSmartModulesApi, { names });
  expect(reply.error).toEqual({ name: "None" });
  return [...reply.modules].sort((a, b) => (a.name < b.name ? -1 : 1));
}

async function inspectOne(controller: TestController, name: string): Promise<SmartModuleInspection> {
  const [found] = await inspect(controller, name);
  if (found === undefined) throw new Error(`${name} is not stored`);
  return found;
}

function storedText(controller: TestController, name: string) {
  const spec = { wasm: { format: "text", payload: WAT } } as const;
  return controller.client.request(createApi, { label: "SmartModule", body: { name, dryRun: false, spec } });
}

test("of a module that can run: kind, exports, imports, version of the ABI, sizes, hash", async () => {
  await using controller = await TestController.start();
  await controller.createSmartModule("look-back", packed("look-back"));
  const wasm = built.get("look-back") as Uint8Array;
  const found = await inspectOne(controller, "look-back");
  expect(found).toMatchObject({
    name: "look-back",
    storedSizeBytes: packed("look-back").length,
    wasmSizeBytes: wasm.length,
    traits: { kind: "filter", imports: ["env.copy_records"], hasInit: false, hasLookBack: true, abiVersion: 22 },
    problem: undefined,
  });
  expect(found.sha256).toMatch(/^[0-9a-f]{64}$/);
  expect(found.traits?.exports).toEqual(expect.arrayContaining(["filter", "look_back", "alloc", "memory"]));
});

describe("what cannot run is stored, and is invalid with the reason", () => {
  const cases: readonly (readonly [string, () => Uint8Array, RegExp, boolean])[] = [
    ["nothing", () => new Uint8Array(0), /^it is empty$/, false],
    ["no gzip", () => Uint8Array.of(1, 2, 3, 4), /^its code is no gzip stream$/, false],
    ["gzip that is cut", () => packed("filter").subarray(0, 60), /^its code is no gzip stream$/, false],
    ["text", () => WAT, /^it is WebAssembly text/, false],
    ["packed text", () => gzipSync(WAT), /^it is WebAssembly text/, true],
    ["no wasm", () => gzipSync(new Uint8Array(100)), /^it is no WebAssembly/, true],
    ["a module without a transform", () => packed("no-transform"), /^it exports none of filter, map/, true],
    [
      "a module with an unknown import",
      () => packed("unknown-import"),
      /^it imports .*, which a SmartModule does not/,
      true,
    ],
    ["a module without copy_records", () => packed("no-copy-records"), /^it does not import copy_records$/, true],
    ["a transform of another type", () => packed("wrong-arity"), /2 parameters|takes 2|arity|type/, true],
  ];

  test.each(cases)("%s", async (what, payload, reason, isPacked) => {
    await using controller = await TestController.start();
    const bytes = Uint8Array.from(payload());
    expect((await controller.createSmartModule("bad", bytes)).errorCode.name).toBe("None");
    const found = await inspectOne(controller, "bad");
    expect(found.problem?.reason).toMatch(reason);
    expect(found).toMatchObject({ storedSizeBytes: bytes.length, traits: undefined });
    // what it has, of all that compile
    const hasNames = what.includes(" of another type") || what.startsWith("a module");
    expect(found.problem?.exports.includes("memory")).toBe(hasNames);
    expect(found.problem?.imports.includes("env.copy_records")).toBe(hasNames && !what.includes("copy_records"));
    expect(found.sha256 !== undefined).toBe(isPacked);
    const reply = await controller.spu.request({ kind: "smartModule", name: "bad" });
    expect(reply).toMatchObject({
      ok: true,
      value: { name: "bad", payload: new Uint8Array(0), problem: { reason: found.problem?.reason, isPacked } },
    });
  });

  test("WebAssembly text that says so", async () => {
    await using controller = await TestController.start();
    expect((await storedText(controller, "text")).errorCode.name).toBe("None");
    expect((await inspectOne(controller, "text")).problem?.reason).toMatch(/^it is WebAssembly text/);
  });

  test("a small stream of a huge module", async () => {
    await using controller = await TestController.start();
    // a stream may have several members: 129 times 1 MiB of zeros, in 130 KB
    const bomb = Buffer.concat(Array(129).fill(gzipSync(new Uint8Array(1024 * 1024))));
    expect((await controller.createSmartModule("bomb", bomb)).errorCode.name).toBe("None");
    expect((await inspectOne(controller, "bomb")).problem?.reason).toBe("it is larger than 134217728 bytes");
  });
});

test("what was found survives a restart; invalid ones are looked at again, as are those of an older release", async () => {
  const before = await TestController.start();
  await before.createSmartModule("good", packed("filter"));
  await before.createSmartModule("bad", packed("no-transform"));
  await before.createSmartModule("older", packed("filter"));
  const found = await inspect(before);
  // as this release finds it, and as an older one left it
  const [bad] = found.filter(({ name }) => name === "bad");
  const outdated = {
    ...(bad as SmartModuleInspection),
    problem: { reason: "an older reason", hint: undefined, exports: [], imports: [] },
  };
  await before.metadata.commit([
    { type: "putInspection", inspection: outdated },
    { type: "deleteInspection", name: "older" },
  ]);
  await before.stop();
  await using after = await TestController.start({ dataDir: before.dataDir });
  expect((await inspectOne(after, "good")).traits?.kind).toBe("filter");
  const settled = async () => {
    const now = await inspect(after);
    return now.every((module) => module.problem?.reason !== "an older reason" && module.sha256 !== undefined);
  };
  while (!(await settled())) await new Promise((resolve) => setImmediate(resolve));
  expect(await inspect(after)).toEqual(found);
});

test("names choose; a module that is replaced is looked at anew, one that is deleted is forgotten", async () => {
  await using controller = await TestController.start();
  await controller.createSmartModule("one", packed("filter"));
  await controller.createSmartModule("two", packed("no-transform"));
  expect((await inspect(controller)).map(({ name }) => name)).toEqual(["one", "two"]);
  expect((await inspect(controller, "two", "absent")).map(({ name }) => name)).toEqual(["two"]);
  await controller.createSmartModule("two", packed("filter"));
  expect((await inspectOne(controller, "two")).problem).toBeUndefined();
  expect(controller.metadata.inspections().map(({ name }) => name)).toEqual(["one", "two"]);
});

test("running streams are not switched to a module that cannot run, or is not there", async () => {
  await using controller = await TestController.start();
  await controller.createSmartModule("bad", packed("no-transform"));
  const refused = await controller.client.request(switchSmartModuleApi, { name: "bad" });
  expect(refused.error).toMatchObject({
    name: "SmartModuleInvalid",
    error: expect.stringContaining("it exports none of"),
  });
  const absent = await controller.client.request(switchSmartModuleApi, { name: "absent" });
  expect(absent.error).toEqual({ name: "SmartModuleNotFound", smartmodule: "absent" });
  expect(controller.spu.received.filter(({ type }) => type === "request")).toEqual([]);
});

test("bare code is packed, and inspected like the rest", async () => {
  await using controller = await TestController.start();
  const bare = built.get("filter") as Uint8Array;
  await controller.createSmartModule("bare", Uint8Array.from(bare));
  const reply = await controller.spu.request({ kind: "smartModule", name: "bare" });
  const { payload } = (reply as unknown as { value: { payload: Uint8Array } }).value;
  expect(gunzipSync(payload).equals(bare)).toBe(true);
  expect((await inspectOne(controller, "bare")).traits?.kind).toBe("filter");
});

describe("the inspector", () => {
  const wasm = (name: string) => ({ format: "binary", payload: packed(name) }) as const;

  test("a module that never returns from its start is stopped, and holds nobody up for long", async () => {
    await using engine = createSmartEngine({ limits: { batchTimeoutMs: 300 } });
    const inspector = new ModuleInspector(engine);
    const [endless, other] = await Promise.all([
      inspector.inspect("endless", { format: "binary", payload: await buildAs("endless-start") }),
      inspector.inspect("other", wasm("no-transform")),
    ]);
    expect(endless.inspection.problem?.reason).toMatch(/300 ms/);
    expect(endless.inspection.wasmSizeBytes).toBeGreaterThan(0);
    expect(other.inspection.problem?.reason).toMatch(/^it exports none of/);
  });

  test("what is not the module's fault says nothing about it", async () => {
    const engine = createSmartEngine();
    await engine[Symbol.asyncDispose]();
    const { inspection } = await new ModuleInspector(engine).inspect("fine", wasm("filter"));
    expect(inspection).toMatchObject({ traits: undefined, problem: undefined, sha256: expect.any(String) });
  });
});
