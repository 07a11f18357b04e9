import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { buildAs } from "../../../../../tests/fixtures/build-as.ts";
import { createApi, deleteApi, listApi, type Status } from "../../protocol/index.ts";
import { TestController, WASM } from "./testing/test-controller.ts";

function createPackaged(
  controller: TestController,
  pkg: { name: string; group: string; version: string },
  payload = WASM,
): Promise<Status> {
  const meta = { package: { apiVersion: "0.1.0", visibility: "private", ...pkg }, params: new Map() } as const;
  return controller.client.request(createApi, {
    label: "SmartModule",
    body: { name: "ignored", dryRun: false, spec: { meta, wasm: { format: "binary", payload } } },
  });
}
function remove(controller: TestController, key: string): Promise<Status> {
  return controller.client.request(deleteApi, { label: "SmartModule", body: { key, force: false } });
}
async function list(controller: TestController, nameFilters: string[] = [], summary = true) {
  const reply = await controller.client.request(listApi, {
    label: "SmartModule",
    body: { nameFilters, summary, system: false },
  });
  if (reply.label !== "SmartModule") throw new Error(reply.label);
  return reply.body;
}
function module(tail: number): Uint8Array {
  return Uint8Array.from(gzipSync(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, tail)));
}

test("a module is stored with its code; SPUs find it by name and are told when it changes", async () => {
  await using controller = await TestController.start();
  const payload = Uint8Array.from(gzipSync(await buildAs("filter")));
  const created = await controller.createSmartModule("filter", payload);
  expect(created).toMatchObject({ name: "filter", errorCode: { name: "None" } });
  expect(await controller.spu.message("smartModuleChanged")).toEqual({ type: "smartModuleChanged", name: "filter" });
  const reply = await controller.spu.request({ kind: "smartModule", name: "filter" });
  expect(reply).toEqual({ ok: true, value: { name: "filter", payload } });
  expect(await controller.spu.request({ kind: "smartModule", name: "nope" })).toEqual({ ok: true, value: undefined });
});

test("a second module of the same name replaces the first, as the original's clients rely on", async () => {
  await using controller = await TestController.start();
  await controller.createSmartModule("filter", module(1));
  expect((await controller.createSmartModule("filter", module(2))).errorCode.name).toBe("None");
  const modules = await list(controller, [], false);
  expect(modules.map(({ spec }) => Uint8Array.from(spec.wasm.payload))).toEqual([module(2)]);
});

test("a list has the code, its summary only the code's length", async () => {
  await using controller = await TestController.start();
  await controller.createSmartModule("filter");
  const [full] = await list(controller, [], false);
  expect(full?.spec.summary).toBeUndefined();
  expect(Uint8Array.from(full?.spec.wasm.payload ?? [])).toEqual(WASM);
  const [summary] = await list(controller);
  expect(summary?.spec.summary).toEqual({ wasmLength: WASM.length });
  expect(summary?.spec.wasm.payload).toHaveLength(0);
});

test("packaged modules are found by name, group and version; the newest when no version is asked for", async () => {
  await using controller = await TestController.start();
  for (const [version, tail] of [
    ["0.2.0", 2],
    ["0.10.0", 10],
    ["0.9.0", 9],
  ] as const) {
    const status = await createPackaged(controller, { name: "regex", group: "acme", version }, module(tail));
    expect(status.name).toBe(`regex-acme-${version}`);
  }
  const found = async (name: string) =>
    (await controller.spu.request({ kind: "smartModule", name })) as { value?: { name: string } };
  expect((await found("regex")).value?.name).toBe("regex-acme-0.10.0");
  expect((await found("acme/regex")).value?.name).toBe("regex-acme-0.10.0");
  expect((await found("acme/regex@0.2.0")).value?.name).toBe("regex-acme-0.2.0");
  expect((await found("regex-acme-0.9.0")).value?.name).toBe("regex-acme-0.9.0");
  expect((await found("acme/regex@9.9.9")).value).toBeUndefined();
  expect((await found("other/regex")).value).toBeUndefined();
  expect((await list(controller, ["acme/regex@0.2.0", "nope"])).map(({ name }) => name)).toEqual(["regex-acme-0.2.0"]);
  expect(await list(controller, ["regex"])).toHaveLength(3);
  expect((await remove(controller, "acme/regex@0.2.0")).errorCode.name).toBe("None");
  expect((await list(controller)).map(({ name }) => name)).toEqual(["regex-acme-0.10.0", "regex-acme-0.9.0"]);
});

test("a plain name goes before a package of that name", async () => {
  await using controller = await TestController.start();
  await createPackaged(controller, { name: "regex", group: "acme", version: "1.0.0" }, module(1));
  await controller.createSmartModule("regex", module(2));
  expect(await controller.spu.request({ kind: "smartModule", name: "regex" })).toMatchObject({
    value: { name: "regex" },
  });
});

test("names that cannot be used are refused with the reason", async () => {
  await using controller = await TestController.start();
  expect((await controller.createSmartModule("a/b")).errorMessage).toMatch(/^Invalid name for SmartModule a\/b/);
  for (const pkg of [
    { name: "", group: "acme", version: "1.0.0" },
    { name: "regex", group: "", version: "1.0.0" },
  ]) {
    expect((await createPackaged(controller, pkg)).errorCode.name).toBe("SmartModuleError");
  }
  expect(await list(controller)).toEqual([]);
});

test("a dry run stores nothing; a missing module is not found, with the nearest name", async () => {
  await using controller = await TestController.start();
  expect((await controller.createSmartModule("dry", WASM, true)).errorCode.name).toBe("None");
  expect(await list(controller)).toEqual([]);
  await controller.createSmartModule("filter");
  const status = await remove(controller, "filtr");
  expect(status).toMatchObject({ name: "filtr", errorCode: { name: "SmartModuleNotFound", smartmodule: "filtr" } });
  expect(status.errorMessage).toMatch(/^SmartModule not found: filtr\. Did you mean "filter"\?/);
});
