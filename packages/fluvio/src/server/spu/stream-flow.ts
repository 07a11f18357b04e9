/**
 * Flow control of one stream: stop-and-wait. After every reply nothing more is sent until the client has said which
 * offset it wants next. Pure state; reading and sending happen outside, between {@link takeSend} and
 * {@link sendDone} or {@link nothingRead}.
 */
export interface StreamFlow {
  /** Offset the client wants next; `undefined` while a reply is being made or waits for its acknowledgement. */
  position: number | undefined;
  /** End of what the stream may see: log end offset or high watermark, by isolation. */
  limit: number;
  /** True between {@link takeSend} and the end of that send. */
  sending: boolean;
  /** What the client acknowledged while a send was under way; counts from its end on. */
  acknowledgedWhileSending: number | undefined;
}

export function startFlow(fetchOffset: number, limit: number): StreamFlow {
  return { position: fetchOffset, limit, sending: false, acknowledgedWhileSending: undefined };
}

/** The client wants `offset` next (≥ 0). */
export function acknowledge(flow: StreamFlow, offset: number): void {
  if (flow.sending) flow.acknowledgedWhileSending = offset;
  else flow.position = offset;
}

/** The log end offset or high watermark of the stream is now `limit`. */
export function moveLimit(flow: StreamFlow, limit: number): void {
  flow.limit = limit;
}

/** The offset to send from, if there is something to send and the client waits for it. Marks the flow as sending. */
export function takeSend(flow: StreamFlow): number | undefined {
  if (flow.sending || flow.position === undefined || flow.position >= flow.limit) return undefined;
  const from = flow.position;
  flow.position = undefined;
  flow.sending = true;
  return from;
}

/** A reply went out: its acknowledgement may have come before the socket had room again. */
export function sendDone(flow: StreamFlow): void {
  flow.sending = false;
  flow.position = flow.acknowledgedWhileSending;
  flow.acknowledgedWhileSending = undefined;
}

/**
 * There was nothing to send from `next` on although `limitAtRead` was above it (it lies inside a batch). The stream
 * waits until the limit moves on from there; a move during the read counts.
 */
export function nothingRead(flow: StreamFlow, next: number, limitAtRead: number): void {
  flow.sending = false;
  flow.position = flow.acknowledgedWhileSending ?? next;
  flow.acknowledgedWhileSending = undefined;
  if (flow.limit === limitAtRead) flow.limit = Math.min(flow.limit, flow.position);
}
