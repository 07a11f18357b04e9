import fc from "fast-check";
import { expect, test } from "vitest";
import { createApi, deleteApi, encode, mirroringApi, Reader } from "../../protocol/index.ts";
import { ManualClock } from "./testing/manual-clock.ts";
import { RawClient } from "./testing/raw-client.ts";
import { TestController } from "./testing/test-controller.ts";

const CREATE_KEY = 1001;
const SC_KEYS = [18, 1001, 1002, 1003, 1004, 1005, 1006, 30_001];

function request(apiKey: number, apiVersion: number, body: Uint8Array, correlationId = 1): Buffer {
  const header = Buffer.alloc(10);
  header.writeUInt16BE(apiKey, 0);
  header.writeInt16BE(apiVersion, 2);
  header.writeInt32BE(correlationId, 4);
  return Buffer.concat([header, body]);
}
function string(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 0xff]), bytes]);
}
test("bad input ends its own connection without an answer, and nobody else's", async () => {
  await using controller = await TestController.start();
  const bodies: readonly [what: string, frame: Buffer][] = [
    ["an unknown API", request(4242, 0, Buffer.alloc(0))],
    ["an SPU's API", request(0, 25, Buffer.alloc(16))],
    ["a version that is none", request(18, 2, Buffer.concat([string("latest"), string("linux"), string("x86_64")]))],
    ["an empty version", request(18, 0, Buffer.alloc(0))],
    ["an empty body", request(CREATE_KEY, 19, Buffer.alloc(0))],
    [
      "a body that is cut off",
      request(CREATE_KEY, 19, Buffer.concat([string("Topic"), Buffer.from("00000018", "hex"), string("hello")])),
    ],
    [
      "a length beyond the frame",
      request(CREATE_KEY, 19, Buffer.concat([string("Topic"), Buffer.from("7fffffff", "hex")])),
    ],
    [
      "a wrong tag",
      request(
        CREATE_KEY,
        19,
        Buffer.concat([
          string("Topic"),
          Buffer.from("0000000a", "hex"),
          string("t"),
          Buffer.from("00000900000000", "hex"),
        ]),
      ),
    ],
    ["text that is not UTF-8", request(CREATE_KEY, 19, Buffer.from("0002fffe00000000", "hex"))],
    ["a header that is cut off", Buffer.from("03e9", "hex")],
  ];
  for (const [what, frame] of bodies) {
    const client = new RawClient(controller.sc.port);
    client.send(frame);
    await expect(client.reply(1), what).rejects.toThrow(/ended/);
  }
  const oversized = new RawClient(controller.sc.port);
  oversized.socket.write(Buffer.from("7fffffff03e90013", "hex"));
  await oversized.ended;
  const negative = new RawClient(controller.sc.port);
  negative.socket.write(Buffer.from("ffffffff03e90013", "hex"));
  await negative.ended;
  expect(controller.client.isOpen).toBe(true);
  expect((await controller.createTopic("hello")).errorCode.name).toBe("None");
});

test("no frame brings the controller down", async () => {
  await using controller = await TestController.start();
  const frame = fc.tuple(
    fc.constantFrom(...SC_KEYS),
    fc.integer({ min: -1, max: 30 }),
    fc.uint8Array({ maxLength: 80 }),
  );
  const label = fc.constantFrom(
    "Topic",
    "CustomSpu",
    "SpuGroup",
    "SmartModule",
    "TableFormat",
    "Mirror",
    "ManagedConnector",
  );
  const labelled = fc.tuple(fc.constantFrom(1001, 1002, 1003, 1004, 1006), label, fc.uint8Array({ maxLength: 60 }));
  await fc.assert(
    fc.asyncProperty(
      fc.array(frame, { maxLength: 5 }),
      fc.array(labelled, { maxLength: 5 }),
      async (plain, objects) => {
        const client = new RawClient(controller.sc.port);
        for (const [key, version, body] of plain) client.send(request(key, version, body));
        for (const [key, name, body] of objects) {
          const length = Buffer.alloc(4);
          length.writeInt32BE(body.length);
          client.send(request(key, 19, Buffer.concat([string(name), length, body])));
        }
        expect((await controller.topics([], true)).length).toBeGreaterThan(0);
        client.close();
      },
    ),
    { numRuns: 60 },
  );
});

test("an object type that is not known is answered for Create, Delete and Update", async () => {
  await using controller = await TestController.start();
  for (const key of [1001, 1002, 1006]) {
    const client = new RawClient(controller.sc.port);
    client.send(request(key, 19, Buffer.concat([string("Nonsense"), Buffer.from("0000000401020304", "hex")])));
    const reply = await client.reply(1);
    expect(createApi.response.read(new Reader(reply, 4), 19)).toEqual({
      name: "",
      errorCode: { name: "Other", message: "unknown admin object type" },
      errorMessage: 'unknown admin object type: "Nonsense"',
    });
    client.close();
  }
});

test("requests of every version are answered in it", async () => {
  await using controller = await TestController.start();
  const spec = {
    replicas: { type: "computed", partitions: 1, replicationFactor: 1, ignoreRackAssignment: false },
  } as const;
  const client = new RawClient(controller.sc.port);
  for (let version = 9; version <= 19; version++) {
    const name = `version-${version}`;
    client.send(
      request(
        1001,
        version,
        encode(createApi.request, { label: "Topic", body: { name, dryRun: false, spec } }, version),
        version,
      ),
    );
    expect(createApi.response.read(new Reader(await client.reply(version), 4), version)).toMatchObject({
      name,
      errorCode: { name: "None" },
    });
  }
  for (let version = 11; version <= 19; version++) {
    const key = `version-${version}`;
    client.send(
      request(
        1002,
        version,
        encode(deleteApi.request, { label: "Topic", body: { key, force: false } }, version),
        version,
      ),
    );
    expect(createApi.response.read(new Reader(await client.reply(version), 4), version)).toMatchObject({
      errorCode: { name: "None" },
    });
  }
  expect((await controller.topics()).map(({ name }) => name)).toEqual(["version-9", "version-10"]);
  client.close();
});

test("a slow creation does not hold up other requests of its connection", async () => {
  await using controller = await TestController.start({ spu: { serves: false } });
  const slow = controller.createTopic("slow");
  await controller.spu.message("replicas", ({ replicas }) => replicas.length === 2);
  expect((await controller.topics()).map(({ name }) => name)).toEqual(["slow"]);
  controller.spu.report({ topic: "slow", partition: 0 });
  expect((await slow).errorCode.name).toBe("None");
});

test("names of any length are refused in a sentence that fits the wire", async () => {
  await using controller = await TestController.start();
  const key = "x".repeat(32_000);
  for (const label of ["Topic", "SmartModule", "TableFormat", "SpuGroup", "Mirror", "ManagedConnector"] as const) {
    const status = await controller.client.request(deleteApi, { label, body: { key, force: false } });
    expect(status.errorMessage).toMatch(/not found: xxx/);
    expect(status.errorMessage?.length).toBeLessThan(5000);
  }
  expect((await controller.createTopic(key)).errorMessage).toMatch(/Name exceeds max characters allowed 63/);
});

test("the longest timeout that the wire can name is a wait, not an end", async () => {
  const clock = new ManualClock();
  await using controller = await TestController.start({ spu: { serves: false }, clock });
  const creation = controller.createTopic("slow", {}, { timeoutMs: 0xffff_ffff });
  // more than 2^31 ms would make a timer fire at once
  await clock.waiting(24 * 60 * 60 * 1000);
  controller.spu.report({ topic: "slow", partition: 0 });
  expect((await creation).errorCode.name).toBe("None");
});

test("mirroring is refused with a sentence", async () => {
  await using controller = await TestController.start();
  const reply = await controller.client.request(mirroringApi, {
    label: "MirroringConnect",
    body: { remoteId: "edge" },
  });
  expect(reply).toMatchObject({
    name: "edge",
    errorCode: { name: "Other" },
    errorMessage: expect.stringMatching(/^Mirroring is not supported yet/),
  });
});

test("closing lets an answer in flight out, and ends waits for partitions", async () => {
  await using controller = await TestController.start({ spu: { serves: false } });
  const waiting = controller.createTopic("hello");
  await controller.spu.message("replicas", ({ replicas }) => replicas.length === 2);
  await controller.sc.close(5_000);
  expect((await waiting).errorCode.name).toBe("TopicNotProvisioned");
  await controller.client.closed;
});
