import { describe, expect, test } from "vitest";
import type { Position } from "../define.ts";
import { Checkpoints } from "./checkpoints.ts";

const NEVER_MS = 3_600_000;

/** Parts that note what happens, in order. */
function started({ intervalMs = 0, settled = async () => {} } = {}) {
  const events: string[] = [];
  const failures: unknown[] = [];
  const checkpoints = new Checkpoints({
    settled,
    keep: async (position) => {
      events.push(`kept ${JSON.stringify(position)}`);
      return true;
    },
    intervalMs,
    fail: (error) => failures.push(error),
  });
  const mark = (name: string, position?: Position) =>
    checkpoints.add({
      ...(position === undefined ? {} : { position }),
      stored: () => void events.push(`stored ${name}`),
    });
  return { checkpoints, events, failures, mark };
}

describe("places that a source marks", () => {
  test("of those that wait at a time the last position is kept, and all are told, in order", async () => {
    const { checkpoints, events, mark } = started();
    mark("a", 1);
    mark("b", 2);
    mark("c");
    await checkpoints.finish();
    expect(events).toEqual(["kept 2", "stored a", "stored b", "stored c"]);
  });

  test("positions wait for their turn, but not for the end", async () => {
    const { checkpoints, events, mark } = started({ intervalMs: NEVER_MS });
    mark("a", 1);
    await new Promise(setImmediate);
    for (let n = 2; n <= 1000; n++) checkpoints.add({ position: n });
    await new Promise(setImmediate);
    expect(events).toEqual(["kept 1", "stored a"]);
    await checkpoints.finish();
    expect(events.slice(2)).toEqual(["kept 1000"]);
  });

  test("places without a position wait for no turn", async () => {
    const { events, mark } = started({ intervalMs: NEVER_MS });
    mark("a", null);
    await new Promise(setImmediate);
    mark("b");
    await new Promise(setImmediate);
    expect(events).toEqual(["kept null", "stored a", "stored b"]);
  });

  test("nothing is kept or told before the records are acknowledged", async () => {
    let acknowledge = (): void => {};
    const acknowledged = new Promise<void>((resolve) => {
      acknowledge = resolve;
    });
    const { checkpoints, events, mark } = started({ settled: () => acknowledged });
    mark("a", 1);
    await new Promise(setImmediate);
    expect(events).toEqual([]);
    acknowledge();
    await checkpoints.finish();
    expect(events).toEqual(["kept 1", "stored a"]);
  });

  test("those that nobody waits for take no room; too many others make the source wait", async () => {
    let acknowledge = (): void => {};
    const acknowledged = new Promise<void>((resolve) => {
      acknowledge = resolve;
    });
    const { checkpoints, events, mark } = started({ settled: () => acknowledged });
    for (let n = 0; n < 100_000; n++) checkpoints.add({ position: n });
    expect(checkpoints.hasRoom).toBe(true);
    for (let n = 0; n < 10_000; n++) mark(String(n));
    expect(checkpoints.hasRoom).toBe(false);
    const room = checkpoints.room();
    acknowledge();
    await room;
    await checkpoints.finish();
    expect(events).toHaveLength(10_001);
    expect(events[0]).toBe("kept 99999");
  });

  test("what goes wrong ends the connector, and nothing behind it is told", async () => {
    const { checkpoints, events, failures, mark } = started();
    checkpoints.add({ stored: () => Promise.reject(new Error("the system went away")) });
    mark("later", 1);
    await checkpoints.finish();
    expect(failures).toEqual([new Error("the system went away")]);
    expect(events).toEqual(["kept 1"]);
  });
});
