import { expect, test } from "vitest";
import {
  type CreateRequestInput,
  createApi,
  type DeleteRequestInput,
  deleteApi,
  listApi,
  type Status,
} from "../../protocol/index.ts";
import { assigned, TestController } from "./testing/test-controller.ts";

const ENDPOINT = { port: 9110, host: "10.0.0.1", encryption: "plaintext" } as const;
const PUBLIC = { port: 9110, ingress: [{ hostname: "10.0.0.1" }], encryption: "plaintext" } as const;

function create(controller: TestController, request: CreateRequestInput): Promise<Status> {
  return controller.client.request(createApi, request);
}
function remove(controller: TestController, request: DeleteRequestInput): Promise<Status> {
  return controller.client.request(deleteApi, request);
}
function customSpu(name: string, id: number, dryRun = false): CreateRequestInput {
  return {
    label: "CustomSpu",
    body: { name, dryRun, spec: { id, publicEndpoint: PUBLIC, privateEndpoint: ENDPOINT } },
  };
}
async function names(
  controller: TestController,
  label: "SPU" | "CustomSpu" | "SpuGroup" | "TableFormat" | "Mirror",
  nameFilters: string[] = [],
) {
  const reply = await controller.client.request(listApi, {
    label,
    body: { nameFilters, summary: false, system: false },
  });
  return (reply.body as readonly { readonly name: string }[]).map(({ name }) => name);
}

test("a registered SPU is there without being used, and goes again by name or id", async () => {
  await using controller = await TestController.start();
  expect(await create(controller, customSpu("edge", 6001))).toMatchObject({
    name: "edge",
    errorCode: { name: "None" },
  });
  const spu = controller.sc.stores.spus.get("edge");
  expect(spu).toMatchObject({ spec: { id: 6001, spuType: "custom" }, status: { resolution: "init" } });
  expect(await names(controller, "SPU")).toEqual(["custom-spu-5001", "edge"]);
  expect(await names(controller, "CustomSpu", ["edg"])).toEqual(["edge"]);
  const placed = await controller.createTopic("t", assigned({ id: 0, replicas: [6001] }));
  expect(placed.errorMessage).toMatch(/SPU 6001, which is not online/);
  expect(
    (await remove(controller, { label: "CustomSpu", body: { key: { type: "id", id: 6001 }, force: false } })).name,
  ).toBe("edge");
  await create(controller, customSpu("edge", 6001));
  await remove(controller, { label: "CustomSpu", body: { key: { type: "name", name: "edge" }, force: false } });
  expect(await names(controller, "SPU")).toEqual(["custom-spu-5001"]);
});

test("names and ids of SPUs are unique, and the cluster's own stay", async () => {
  await using controller = await TestController.start();
  await create(controller, customSpu("edge", 6001));
  for (const [name, id] of [
    ["edge", 6002],
    ["other", 6001],
    ["custom-spu-5001", 7000],
    ["other", 5001],
  ] as const) {
    const status = await create(controller, customSpu(name, id));
    expect(status.errorCode.name).toBe("SpuAlreadyExists");
    expect(status.errorMessage).toMatch(/^SPU already exists/);
  }
  expect((await create(controller, customSpu("negative", -1))).errorMessage).toMatch(/must not be negative/);
  expect(await create(controller, customSpu("dry", 6003, true))).toMatchObject({
    name: "",
    errorCode: { name: "None" },
  });
  const missing = await remove(controller, { label: "CustomSpu", body: { key: { type: "id", id: 42 }, force: false } });
  expect(missing).toMatchObject({
    errorCode: { name: "SpuNotFound" },
    errorMessage: expect.stringMatching(/^SPU not found/),
  });
  const own = await remove(controller, { label: "CustomSpu", body: { key: { type: "id", id: 5001 }, force: false } });
  expect(own).toMatchObject({
    errorCode: { name: "SpuError" },
    errorMessage: expect.stringMatching(/is run by this cluster/),
  });
  expect(await names(controller, "SPU")).toEqual(["custom-spu-5001", "edge"]);
});

test("the SPU's public address is where clients reach it", async () => {
  await using controller = await TestController.start({ publicHost: "fluvio.example", spu: { port: 19_010 } });
  expect(controller.sc.stores.spus.get("custom-spu-5001")?.spec.publicEndpoint).toEqual({
    port: 19_010,
    ingress: [{ hostname: "fluvio.example", ip: undefined }],
    encryption: "plaintext",
  });
});

const TABLE_FORMAT = (name: string, dryRun = false): CreateRequestInput => ({
  label: "TableFormat",
  body: { name, dryRun, spec: { name, inputFormat: "json", columns: [{ keyPath: "name" }] } },
});

test("table formats, SPU groups and mirrors are created once, listed and deleted", async () => {
  await using controller = await TestController.start();
  const groups: CreateRequestInput = {
    label: "SpuGroup",
    body: { name: "people", dryRun: false, spec: { replicas: 1, minId: 0, env: [] } },
  };
  const mirror: CreateRequestInput = {
    label: "Mirror",
    body: { name: "people", dryRun: false, spec: { type: "remote", id: "people" } },
  };
  for (const [label, request, exists, missing] of [
    ["TableFormat", TABLE_FORMAT("people"), "TableFormatAlreadyExists", "TableFormatNotFound"],
    ["SpuGroup", groups, "Other", "Other"],
    ["Mirror", mirror, "MirrorAlreadyExists", "MirrorNotFound"],
  ] as const) {
    expect((await create(controller, request)).errorCode.name).toBe("None");
    const again = await create(controller, request);
    expect(again.errorCode.name).toBe(exists);
    expect(again.errorMessage).toBe(`${label} already exists: people. Choose another name, or delete it first`);
    expect(await names(controller, label)).toEqual(["people"]);
    const absent = await remove(controller, { label, body: { key: "peple", force: false } });
    expect(absent.errorCode.name).toBe(missing);
    expect(absent.errorMessage).toMatch(new RegExp(`^${label} not found: peple\\. Did you mean "people"\\?`));
    expect((await remove(controller, { label, body: { key: "people", force: false } })).errorCode.name).toBe("None");
    expect(await names(controller, label)).toEqual([]);
  }
});

test("a home's data replaces what was there; a dry run leaves nothing; bad names are refused", async () => {
  await using controller = await TestController.start();
  const home = (publicEndpoint: string): CreateRequestInput => ({
    label: "Mirror",
    body: { name: "home", dryRun: false, spec: { type: "home", id: "home", remoteId: "edge", publicEndpoint } },
  });
  await create(controller, home("a:9003"));
  expect((await create(controller, home("b:9003"))).errorCode.name).toBe("None");
  expect(controller.sc.stores.mirrors.get("home")?.spec).toMatchObject({ publicEndpoint: "b:9003" });
  expect((await create(controller, TABLE_FORMAT("dry", true))).errorCode.name).toBe("None");
  expect(await names(controller, "TableFormat")).toEqual([]);
  for (const name of ["", "a/b", "-a", "x".repeat(300), "ü"]) {
    expect((await create(controller, TABLE_FORMAT(name))).errorMessage).toMatch(/^Invalid name for TableFormat/);
  }
});

test("lists are filtered by substrings, mirrors are not", async () => {
  await using controller = await TestController.start();
  for (const name of ["people", "peoples", "dogs"]) await create(controller, TABLE_FORMAT(name));
  await create(controller, {
    label: "Mirror",
    body: { name: "edge", dryRun: false, spec: { type: "remote", id: "edge" } },
  });
  expect(await names(controller, "TableFormat", ["people"])).toEqual(["people", "peoples"]);
  expect(await names(controller, "Mirror", ["zzz"])).toEqual(["edge"]);
  expect(await names(controller, "SPU", ["zzz"])).toEqual([]);
});
