/** One event of a `text/event-stream`. */
export interface StreamEvent {
  /** The event's own, or the last that came before it; empty when there was none. */
  readonly id: string;
  readonly event: string;
  readonly data: string;
}

/**
 * Reads a `text/event-stream` (HTML standard, §9.2.6). Holds one event at most, and no more than its largest size.
 */
export class EventStreamReader {
  readonly #decoder = new TextDecoder();
  readonly #eventSizeMax: number;
  /** A line whose end has not come. */
  #line = "";
  /** The last piece ended with CR: a LF that follows belongs to it. */
  #isAfterReturn = false;
  #data: string[] = [];
  #size = 0;
  #isTooLarge = false;
  #event = "";
  #pendingId: string;
  /** What a reconnection says it has seen. */
  lastEventId: string;
  /** How long to wait before a reconnection, if the stream says so, milliseconds. */
  retryMs: number | undefined;
  /** Events that were too large. */
  skipped = 0;

  constructor(lastEventId: string, eventSizeMax: number) {
    this.lastEventId = lastEventId;
    this.#pendingId = lastEventId;
    this.#eventSizeMax = eventSizeMax;
  }

  /** The events that end within these bytes. `lastEventId` is that of the event just given. */
  *push(chunk: Uint8Array): Generator<StreamEvent> {
    let text = this.#decoder.decode(chunk, { stream: true });
    if (text === "") return;
    if (this.#isAfterReturn && text.startsWith("\n")) text = text.slice(1);
    this.#isAfterReturn = text.endsWith("\r");
    let from = 0;
    for (const { index, 0: end } of text.matchAll(/\r\n|\n|\r/g)) {
      const line = this.#line + text.slice(from, index);
      this.#line = "";
      from = index + end.length;
      const event = this.#take(line);
      if (event !== undefined) yield event;
    }
    this.#line += text.slice(from);
    if (this.#line.length <= this.#eventSizeMax) return;
    // The beginning names the field; the rest is of no use any more.
    this.#line = this.#line.slice(0, 16);
    this.#isTooLarge = true;
  }

  #take(line: string): StreamEvent | undefined {
    if (line === "") return this.#dispatch();
    const colon = line.indexOf(":");
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
    if (name === "data") this.#addData(value);
    else if (name === "event") this.#event = value;
    else if (name === "id" && !value.includes("\0")) this.#pendingId = value;
    else if (name === "retry" && /^\d{1,9}$/.test(value)) this.retryMs = Number(value);
    return undefined;
  }

  #addData(value: string): void {
    this.#size += value.length + 1;
    if (this.#size > this.#eventSizeMax) this.#isTooLarge = true;
    if (this.#isTooLarge) this.#data = [""];
    else this.#data.push(value);
  }

  #dispatch(): StreamEvent | undefined {
    const [data, event, isTooLarge] = [this.#data, this.#event, this.#isTooLarge];
    this.#data = [];
    this.#size = 0;
    this.#event = "";
    this.#isTooLarge = false;
    this.lastEventId = this.#pendingId;
    if (isTooLarge) this.skipped++;
    if (isTooLarge || data.length === 0) return undefined;
    return { id: this.lastEventId, event: event === "" ? "message" : event, data: data.join("\n") };
  }
}
