import { beforeEach, describe, expect, test } from "vitest";
import { type AcknowledgementStream, Acknowledgements } from "./acknowledgements.ts";

/** A connection that keeps what is written to it. */
class Wire implements AcknowledgementStream {
  writable = true;
  readonly written: string[] = [];
  write(bytes: Uint8Array): void {
    this.written.push(Buffer.from(bytes).toString("hex"));
  }
}

const message = (qos: 1 | 2, messageId: number, dup = false) => ({ qos, messageId, dup });
let acknowledgements: Acknowledgements;
let wire: Wire;

beforeEach(() => {
  acknowledgements = new Acknowledgements();
  wire = new Wire();
  acknowledgements.connected(wire, false);
});

/** A connection in which the broker goes on with the session, or has forgotten it. */
function reconnect(hasSession: boolean): Wire {
  acknowledgements.disconnected();
  const next = new Wire();
  acknowledgements.connected(next, hasSession);
  return next;
}

describe("a message", () => {
  test("is acknowledged when it is stored, not before", () => {
    const first = acknowledgements.take(message(1, 0x0102));
    const second = acknowledgements.take(message(2, 3));
    expect(wire.written).toEqual([]);
    first?.();
    second?.();
    expect(wire.written).toEqual(["40020102", "50020003"]);
  });

  test("that comes again while it is in hand is not taken twice, and is acknowledged in the new connection", () => {
    for (const qos of [1, 2] as const) {
      const stored = acknowledgements.take(message(qos, qos));
      const next = reconnect(true);
      expect(acknowledgements.take(message(qos, qos, true))).toBeUndefined();
      stored?.();
      expect(next.written).toEqual([qos === 1 ? "40020001" : "50020002"]);
    }
    expect(wire.written).toEqual([]);
  });

  test("of QoS 2 that is stored is not taken again before the broker has released it", () => {
    acknowledgements.take(message(2, 7))?.();
    const next = reconnect(true);
    expect(acknowledgements.take(message(2, 7, true))).toBeUndefined();
    expect(next.written).toEqual(["50020007"]);
    acknowledgements.released(7);
    expect(acknowledgements.take(message(2, 7, true))).toBeDefined();
  });

  test("of a session that the broker has forgotten is not acknowledged: its number means another one now", () => {
    const stored = acknowledgements.take(message(1, 1));
    const next = reconnect(false);
    const other = acknowledgements.take(message(1, 1));
    expect(other).toBeDefined();
    stored?.();
    expect(next.written).toEqual([]);
    other?.();
    expect(next.written).toEqual(["40020001"]);
  });

  test("that is stored while there is no connection is acknowledged nowhere", () => {
    const stored = acknowledgements.take(message(1, 1));
    acknowledgements.disconnected();
    stored?.();
    expect(wire.written).toEqual([]);
  });
});

test("what is in hand is waited for", async () => {
  await acknowledgements.empty();
  const [first, second] = [acknowledgements.take(message(1, 1)), acknowledgements.take(message(2, 2))];
  let isEmpty = false;
  const empty = acknowledgements.empty().then(() => {
    isEmpty = true;
  });
  first?.();
  await Promise.resolve();
  expect(isEmpty).toBe(false);
  second?.();
  await empty;
});
