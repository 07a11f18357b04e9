import { expect, test } from "vitest";
import { linkPair } from "../link.ts";
import { ManualClock } from "./testing/manual-clock.ts";
import { computed, TestController } from "./testing/test-controller.ts";

const UPDATE = {
  kind: "updateConsumerOffset",
  update: { consumerId: "c1", topic: "t", partition: 0, offset: 5 },
} as const;

test("consumer offsets go to the SPU that keeps them, and its answer back", async () => {
  const asked: unknown[] = [];
  await using controller = await TestController.start({
    spuIds: [5001, 5002],
    spu: {
      onRequest: (request) => {
        asked.push(request);
        return request.kind === "fetchConsumerOffset" ? 41 : undefined;
      },
    },
  });
  const other = controller.spus.get(5002);
  expect(await other?.request(UPDATE)).toEqual({ ok: true, value: undefined });
  const fetch = { kind: "fetchConsumerOffset", consumerId: "c1", topic: "t", partition: 0 } as const;
  expect(await other?.request(fetch)).toEqual({ ok: true, value: 41 });
  expect(asked).toEqual([UPDATE, fetch]);
});

test("while the keeper of consumer offsets is away, goes away or is silent, the asker is told", async () => {
  const clock = new ManualClock();
  await using controller = await TestController.start({ spuIds: [5001, 5002], onlineIds: [5002], clock });
  const other = controller.spus.get(5002);
  expect(await other?.request(UPDATE)).toMatchObject({
    ok: false,
    message: expect.stringMatching(/SPU 5001.*not online/),
  });
  const pair = linkPair();
  controller.sc.attachSpu(5001, pair.sc);
  pair.spu.onMessage(() => {});
  pair.spu.send({ type: "hello", spuId: 5001, publicPort: 9010, processId: 1 });
  await controller.online([5001, 5002]);
  const silent = other?.request(UPDATE);
  await clock.waiting(30_000);
  clock.advance(30_000);
  expect(await silent).toMatchObject({ ok: false, message: expect.stringMatching(/did not answer within 30000 ms/) });
  const leaving = other?.request(UPDATE);
  await clock.waiting(30_000);
  pair.spu.close();
  expect(await leaving).toMatchObject({ ok: false, message: expect.stringMatching(/went away/) });
});

test("an SPU that comes back gets its partitions again, and reports about others' are ignored", async () => {
  const clock = new ManualClock();
  await using controller = await TestController.start({ spuIds: [5001, 5002], clock });
  await controller.createTopic("hello", computed(4));
  const mine = controller.spus.get(5002)?.assigned.map(({ topic, partition }) => `${topic}-${partition}`);
  const back = controller.reattach(5002);
  const replicas = await back.message("replicas");
  expect(replicas.replicas.map(({ topic, partition }) => `${topic}-${partition}`)).toEqual(mine);
  const foreign = controller.sc.stores.partitions.get("consumer-offset-0");
  back.report({ topic: "consumer-offset", partition: 0, logEndOffset: 999 }, { topic: "absent", partition: 7 });
  await back.request({ kind: "smartModule", name: "any" });
  clock.advance(1000);
  expect(controller.sc.stores.partitions.get("consumer-offset-0")?.status).toEqual(foreign?.status);
});

test("an SPU that the cluster does not run is turned away", async () => {
  await using controller = await TestController.start();
  const pair = linkPair();
  const closed = new Promise<void>((resolve) => pair.spu.onClose(resolve));
  controller.sc.attachSpu(7000, pair.sc);
  await closed;
});
