import { cp, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import {
  CONNECTOR_POSITION_BYTES_MAX,
  type ConnectorPositionsRequestInput,
  connectorPositionsApi,
  createApi,
  deleteApi,
  updateApi,
} from "../../protocol/index.ts";
import { IdleHost } from "./testing/idle-host.ts";
import { TestController, type TestControllerOptions } from "./testing/test-controller.ts";

/** A controller whose positions are asked for in short. */
async function started(options: TestControllerOptions = {}) {
  const controller = await TestController.start(options);
  const ask = (request: Partial<ConnectorPositionsRequestInput>) =>
    controller.client.request(connectorPositionsApi, {
      action: "list",
      name: undefined,
      writer: "",
      follows: undefined,
      ...request,
      position: request.position ?? new Uint8Array(0),
    });
  return {
    controller,
    ask,
    keep: (name: string, position: string, writer: string, follows?: string) =>
      ask({ action: "keep", name, position: Buffer.from(position), writer, follows }),
    kept: async (name?: string) =>
      (await ask({ name })).positions.map(({ position, ...kept }) => `${kept.name} ${text(position)} ${kept.writer}`),
    [Symbol.asyncDispose]: () => controller[Symbol.asyncDispose](),
  };
}

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const DONE = { error: { name: "None" }, superseded: false };

test("a position is kept by name, also over a kill, and is gone after a reset", async () => {
  const dataDir = await mkdtemp(join(tmpdir(), "fluvio-positions-"));
  {
    await using sc = await started();
    expect(await sc.keep("b", "1", "w1")).toMatchObject(DONE);
    expect(await sc.keep("a", "10", "w2")).toMatchObject(DONE);
    expect(await sc.keep("a", "11", "w2", "w2")).toMatchObject(DONE);
    // what is on disk while the process still runs is what a kill leaves behind
    await cp(sc.controller.dataDir, dataDir, { recursive: true });
  }
  await using sc = await started({ dataDir });
  expect(await sc.kept()).toEqual(["a 11 w2", "b 1 w1"]);
  expect(await sc.kept("b")).toEqual(["b 1 w1"]);
  expect(await sc.kept("c")).toEqual([]);
  const reset = await sc.ask({ action: "reset", name: "a" });
  expect(reset.positions.map(({ name }) => name)).toEqual(["a"]);
  expect((await sc.ask({ action: "reset", name: "a" })).positions).toEqual([]);
  expect(await sc.kept()).toEqual(["b 1 w1"]);
});

test("only the run that has read the last position, or wrote it, may write the next", async () => {
  await using sc = await started();
  await sc.keep("a", "1", "first");
  expect(await sc.keep("a", "2", "stranger")).toMatchObject({ superseded: true });
  expect(await sc.keep("a", "3", "second", "first")).toMatchObject(DONE);
  expect(await sc.keep("a", "4", "first", "first")).toMatchObject({ superseded: true });
  // the answer was lost: the same request once more
  expect(await sc.keep("a", "3", "second", "first")).toMatchObject(DONE);
  expect(await sc.kept()).toEqual(["a 3 second"]);
  await sc.ask({ action: "reset", name: "a" });
  expect(await sc.keep("a", "5", "second", "second")).toMatchObject({ superseded: true });
  expect(await sc.keep("a", "6", "third")).toMatchObject(DONE);
});

test("what is too large or has no name is refused with what is wrong", async () => {
  await using sc = await started();
  const largest = "x".repeat(CONNECTOR_POSITION_BYTES_MAX);
  expect(await sc.keep("a", largest, "w")).toMatchObject(DONE);
  const refused = await sc.keep("a", `${largest}x`, "w", "w");
  expect(refused.error).toEqual({
    name: "Other",
    message: "The position of a has 65537 bytes, 65536 are allowed",
  });
  expect((await sc.keep("No Name", "1", "w")).error.name).toBe("Other");
  expect((await sc.ask({ action: "reset" })).error.name).toBe("Other");
  expect((await sc.kept()).length).toBe(1);
});

test("an update keeps the position; deleting a connector drops it, also what its process wants kept while it ends", async () => {
  const ending = { keep: async (): Promise<unknown> => undefined };
  const host = new IdleHost();
  host.remove = async () => void (await ending.keep());
  await using sc = await started({ connectorHost: host });
  const config = Buffer.from(JSON.stringify({ name: "a", topic: "t", type: "http" }));
  const create = { label: "ManagedConnector", body: { name: "a", dryRun: false, spec: { config } } } as const;
  const remove = { label: "ManagedConnector", body: { key: "a", force: false } } as const;
  await sc.controller.client.request(createApi, create);
  await sc.keep("a", "1", "w");
  const changed = Buffer.from(JSON.stringify({ name: "a", topic: "t", type: "http", parameters: { interval: "1s" } }));
  const update = { label: "ManagedConnector", body: { key: "a", action: { config: changed } } } as const;
  expect((await sc.controller.client.request(updateApi, update)).errorCode.name).toBe("None");
  expect(await sc.kept()).toEqual(["a 1 w"]);
  ending.keep = async () => {
    expect(await sc.keep("a", "2", "w", "w")).toMatchObject({ superseded: true });
    expect(await sc.keep("a", "2", "later")).toMatchObject({ superseded: true });
  };
  expect((await sc.controller.client.request(deleteApi, remove)).errorCode.name).toBe("None");
  expect(await sc.kept()).toEqual([]);
  await sc.controller.client.request(createApi, create);
  expect(await sc.keep("a", "1", "new")).toMatchObject(DONE);
});
