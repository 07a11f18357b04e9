import { once } from "node:events";
import { MessageChannel, Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import { CLOCK, type WorkerData, type WorkerRequest } from "../messages.ts";
import { workerEntry } from "../worker-entry.ts";

test("a notification that comes when its request is done already is none of the next one", async () => {
  const requestCount = new Int32Array(new SharedArrayBuffer(4));
  const guestClock = new BigInt64Array(new SharedArrayBuffer(8 * CLOCK.length));
  const { port1: port, port2 } = new MessageChannel();
  const workerData: WorkerData = { port: port2, guestClock, requestCount };
  const worker = new Worker(workerEntry(), { workerData, transferList: [port2], env: {}, execArgv: [] });
  const replies: unknown[] = [];
  port.on("message", (reply) => replies.push(reply));
  const request: WorkerRequest = { op: "drop" };
  try {
    for (let sent = 1; sent <= 3; sent++) {
      port.postMessage(request);
      Atomics.add(requestCount, 0, 1);
      Atomics.notify(requestCount, 0);
      while (replies.length < sent) await once(port, "message");
      // as of a sender that was held up between the two: it wakes the thread once that waits again
      while (Atomics.notify(requestCount, 0) === 0) {
        expect(replies).toHaveLength(sent);
        await new Promise(setImmediate);
      }
    }
    expect(replies).toEqual(Array.from({ length: 3 }, () => ({ type: "result", value: { droppedBytes: 0 } })));
  } finally {
    await worker.terminate();
  }
});
