import { describe, expect, it } from "vitest";
import { acknowledge, moveLimit, nothingRead, sendDone, startFlow, takeSend } from "./stream-flow.ts";

type Event = { readonly ack: number } | { readonly limit: number };

/** The protocol's rules as they are written down: C is the client's position, P the limit last dealt with. */
class WrittenRules {
  readonly sends: number[] = [];
  private position: number | undefined;
  private limitSeen = 0;
  private limit: number;

  constructor(fetchOffset: number, limit: number) {
    this.limit = limit;
    this.send(fetchOffset);
  }

  apply(event: Event): void {
    if ("ack" in event) {
      if (event.ack >= this.limitSeen) this.position = event.ack;
      else this.send(event.ack);
      return;
    }
    this.limit = event.limit;
    if (this.position === undefined || event.limit <= this.position) this.limitSeen = event.limit;
    else this.send(this.position);
  }

  private send(from: number): void {
    if (from >= this.limit) {
      this.position = from;
      this.limitSeen = from;
      return;
    }
    this.sends.push(from);
    this.limitSeen = this.limit;
    this.position = undefined;
  }
}

function sendsOf(fetchOffset: number, limit: number, events: readonly Event[]): number[] {
  const sends: number[] = [];
  const flow = startFlow(fetchOffset, limit);
  const pump = () => {
    for (let from = takeSend(flow); from !== undefined; from = takeSend(flow)) {
      sends.push(from);
      sendDone(flow);
    }
  };
  pump();
  for (const event of events) {
    if ("ack" in event) acknowledge(flow, event.ack);
    else moveLimit(flow, event.limit);
    pump();
  }
  return sends;
}

/** Every sequence of `length` events in which limits only grow. */
function* sequences(length: number, limit: number): Generator<Event[]> {
  if (length === 0) {
    yield [];
    return;
  }
  for (let ack = 0; ack <= 3; ack++) for (const rest of sequences(length - 1, limit)) yield [{ ack }, ...rest];
  for (let next = limit + 1; next <= 3; next++) {
    for (const rest of sequences(length - 1, next)) yield [{ limit: next }, ...rest];
  }
}

describe("flow control of a stream", () => {
  it("sends what the written rules send, for every sequence of five events on a log of up to three records", () => {
    let compared = 0;
    for (let fetchOffset = 0; fetchOffset <= 3; fetchOffset++) {
      for (let limit = 0; limit <= 3; limit++) {
        for (const events of sequences(5, limit)) {
          const rules = new WrittenRules(fetchOffset, limit);
          for (const event of events) rules.apply(event);
          const sends = sendsOf(fetchOffset, limit, events);
          if (sends.join() !== rules.sends.join()) {
            expect({ fetchOffset, limit, events, sends }).toEqual({ fetchOffset, limit, events, sends: rules.sends });
          }
          compared++;
        }
      }
    }
    expect(compared).toBeGreaterThan(10_000);
  });

  it("sends nothing while a reply is made or waits for its acknowledgement", () => {
    const flow = startFlow(0, 10);
    expect(takeSend(flow)).toBe(0);
    expect(takeSend(flow)).toBeUndefined();
    sendDone(flow);
    moveLimit(flow, 20);
    expect(takeSend(flow)).toBeUndefined();
    acknowledge(flow, 10);
    expect(takeSend(flow)).toBe(10);
  });

  it("keeps an acknowledgement that comes before the socket has room again", () => {
    const flow = startFlow(0, 10);
    takeSend(flow);
    acknowledge(flow, 4);
    expect(takeSend(flow)).toBeUndefined();
    sendDone(flow);
    expect(takeSend(flow)).toBe(4);
  });

  it.each([
    { name: "waits for the limit to move on", limitDuringRead: undefined, ack: undefined, next: undefined },
    { name: "counts a limit that moved during the read", limitDuringRead: 12, ack: undefined, next: 5 },
    { name: "goes to where the client asked meanwhile", limitDuringRead: undefined, ack: 3, next: undefined },
  ])("when there was nothing to read it $name", ({ limitDuringRead, ack, next }) => {
    const flow = startFlow(5, 8);
    expect(takeSend(flow)).toBe(5);
    if (limitDuringRead !== undefined) moveLimit(flow, limitDuringRead);
    if (ack !== undefined) acknowledge(flow, ack);
    nothingRead(flow, 5, 8);
    expect(takeSend(flow)).toBe(next);
    moveLimit(flow, 20);
    expect(flow.sending || takeSend(flow) !== undefined).toBe(true);
  });

  it("starts beyond the limit by waiting", () => {
    const flow = startFlow(7, 5);
    expect(takeSend(flow)).toBeUndefined();
    moveLimit(flow, 7);
    expect(takeSend(flow)).toBeUndefined();
    moveLimit(flow, 8);
    expect(takeSend(flow)).toBe(7);
  });
});
