import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { type Codec, createApi, decode, deleteApi, listApi, updateApi, WatchResponse } from "../../protocol/index.ts";
import { RawClient } from "./testing/raw-client.ts";
import { computed, TestController } from "./testing/test-controller.ts";

interface Frame {
  readonly scenario: string;
  readonly port: string;
  readonly dir: "request" | "response";
  readonly api: string;
  readonly hex: string;
}

const FRAMES = readFileSync(new URL("../../../../../tests/vectors/frames.jsonl", import.meta.url), "utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line) as Frame)
  .filter(({ port }) => port === "sc");
const RESPONSES: Readonly<Record<string, Codec<unknown, never>>> = {
  Create: createApi.response,
  Delete: deleteApi.response,
  Update: updateApi.response,
  List: listApi.response,
  Watch: WatchResponse as Codec<unknown, never>,
};

/** A request of the original's client and the answer of the original's controller, both without their length. */
function recorded(
  scenario: string,
  api: string,
  nth = 0,
): { request: Buffer; response: Buffer; correlationId: number } {
  const frames = FRAMES.filter((frame) => frame.scenario === scenario && frame.api === api);
  const request = frames.filter(({ dir }) => dir === "request").map(({ hex }) => Buffer.from(hex, "hex"))[
    nth
  ] as Buffer;
  const correlationId = request.readInt32BE(4);
  const response = frames
    .filter(({ dir }) => dir === "response")
    .map(({ hex }) => Buffer.from(hex, "hex"))
    .filter((frame) => frame.readInt32BE(0) === correlationId)[nth] as Buffer;
  return { request, response, correlationId };
}

function body(api: string, frame: Buffer): unknown {
  return decode(RESPONSES[api] as Codec<unknown, never>, frame.subarray(4), 19);
}

/** Numbers and texts by their kind, everything else as it is: what a reader's code depends on. */
function shape(value: unknown): unknown {
  if (value instanceof Map) return { map: [...value].map(([, item]) => shape(item)) };
  if (Array.isArray(value)) return value.map(shape);
  if (typeof value === "object" && value !== null && !(value instanceof Uint8Array)) {
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, key === "type" || key === "resolution" ? item : shape(item)]),
    );
  }
  return typeof value;
}

async function asRecorded(): Promise<{ controller: TestController; client: RawClient } & AsyncDisposable> {
  const controller = await TestController.start({ platformVersion: "0.18.2-dev-1", publicHost: "localhost" });
  const client = new RawClient(controller.sc.port);
  return {
    controller,
    client,
    [Symbol.asyncDispose]: async () => {
      client.close();
      await controller[Symbol.asyncDispose]();
    },
  };
}

test("the handshake is answered with the original's bytes", async () => {
  await using peers = await asRecorded();
  const { request, response, correlationId } = recorded("cli-consume-adhoc", "ApiVersions");
  peers.client.send(request);
  expect((await peers.client.reply(correlationId)).toString("hex")).toBe(response.toString("hex"));
});

/** Scenarios in an order in which each finds what it needs; the answers are the original's to the byte. */
const TO_THE_BYTE: readonly [scenario: string, api: string][] = [
  ["cli-topic-create-assigned", "Create"],
  ["cli-topic-describe", "List"],
  ["cli-topic-list", "List"],
  ["cli-topic-add-partition", "Update"],
  ["cli-topic-delete", "Delete"],
  ["cli-spu-list", "List"],
  ["cli-spu-register", "Create"],
  ["cli-spu-unregister", "Delete"],
  ["cli-smartmodule-create", "Create"],
  ["cli-smartmodule-list", "List"],
  ["cli-smartmodule-delete", "Delete"],
  ["cli-spg", "Create"],
  ["cli-spg", "List"],
  ["cli-spg", "Delete"],
  ["cli-table-format", "Create"],
  ["cli-table-format", "List"],
  ["cli-table-format", "Delete"],
  ["cli-remote", "Create"],
  ["cli-remote", "List"],
  ["cli-remote", "Delete"],
  ["cli-system-topic", "List"],
];

test("the requests of the original's client are answered with the original's bytes", async () => {
  await using peers = await asRecorded();
  const { client, controller } = peers;
  const full = recordedRequest("cli-topic-create-full", "Create");
  client.send(full);
  await client.reply(full.readInt32BE(4));
  await controller.createTopic("hello", computed(1));
  for (const [scenario, api] of TO_THE_BYTE) {
    const { request, response, correlationId } = recorded(scenario, api);
    client.send(request);
    const reply = await client.reply(correlationId);
    expect([scenario, api, reply.toString("hex")]).toEqual([scenario, api, response.toString("hex")]);
  }
});

function recordedRequest(scenario: string, api: string): Buffer {
  const frame = FRAMES.find(
    (candidate) => candidate.scenario === scenario && candidate.api === api && candidate.dir === "request",
  );
  return Buffer.from(frame?.hex ?? "", "hex");
}

test("errors and live figures have the original's shape, error codes and all", async () => {
  await using peers = await asRecorded();
  const { client, controller } = peers;
  await controller.createTopic("hello", computed(2));
  for (const [scenario, api, nth] of [
    ["cli-topic-create-existing", "Create", 0],
    ["cli-topic-delete-missing", "Delete", 0],
    ["cli-smartmodule-delete-missing", "Delete", 0],
    ["cli-system-topic", "List", 1],
  ] as const) {
    const { request, response, correlationId } = recorded(scenario, api, nth);
    client.send(request);
    const [ours, theirs] = [body(api, await client.reply(correlationId)), body(api, response)];
    expect([scenario, shape(ours)]).toEqual([scenario, shape(theirs)]);
    expect((ours as { errorCode?: unknown }).errorCode).toEqual((theirs as { errorCode?: unknown }).errorCode);
  }
});

test("a partition list has the original's fields for each partition", async () => {
  await using peers = await asRecorded();
  const { client, controller } = peers;
  await controller.createTopic("hello", computed(1));
  const { request, response, correlationId } = recorded("cli-partition-list", "List");
  client.send(request);
  const [ours, theirs] = [body("List", await client.reply(correlationId)), body("List", response)] as {
    label: string;
    body: { name: string }[];
  }[];
  expect(ours?.label).toBe(theirs?.label);
  expect(shape(ours?.body[0])).toEqual(shape(theirs?.body.find(({ name }) => name === "hello-0")));
});

test("watches begin with snapshots of the original's shape", async () => {
  await using peers = await asRecorded();
  const { client, controller } = peers;
  const fresh = FRAMES.filter(
    ({ scenario, api, dir }) => scenario === "cli-topic-create" && api === "Watch" && dir === "response",
  );
  const requests = FRAMES.filter(
    ({ scenario, api, dir }) => scenario === "cli-consume-adhoc" && api === "Watch" && dir === "request",
  );
  const byLabel = (frame: Buffer) =>
    body("Watch", frame) as { label: string; body: { all: unknown[]; changes: unknown[] } };
  let compared = 0;
  for (const { hex } of requests) {
    const request = Buffer.from(hex, "hex");
    client.send(request);
    const ours = byLabel(await client.reply(request.readInt32BE(4)));
    const theirs = fresh
      .map((frame) => byLabel(Buffer.from(frame.hex, "hex")))
      .find(({ label, body: { all } }) => label === ours.label && all.length === 1);
    if (theirs === undefined) continue;
    expect(shape(ours)).toEqual(shape(theirs));
    compared++;
  }
  expect(compared).toBeGreaterThanOrEqual(2);
  await controller.createTopic("hello", computed(1));
});
