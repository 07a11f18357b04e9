import { keepTrying, type SourceContext } from "fluvio/connector";
import { shownEndpoint } from "../shared/shown.ts";
import { type OpenSocket, openSocket, type SocketOptions } from "./connection.ts";

export interface ReceiveOptions extends SocketOptions {
  /** Sent after connecting, in order. */
  readonly subscribe: readonly string[];
  readonly output_type: "text" | "json";
  readonly "retry-delay": number;
  readonly "retry-delay-max": number;
}

/** What is received and not yet handed over; beyond this the socket is not read. */
const HELD_MESSAGES_MAX = 1000;
const HELD_SIZE_BYTES_MAX = 1024 * 1024;
/** A connection that stands for this long works, also when nothing comes. */
const WORKS_AFTER_MS = 2000;

/** Messages between the socket and the topic. */
class Inbox {
  #messages: { readonly data: Buffer; readonly isBinary: boolean }[] = [];
  #sizeBytes = 0;
  #wake: () => void = () => {};

  get isFull(): boolean {
    return this.#messages.length >= HELD_MESSAGES_MAX || this.#sizeBytes >= HELD_SIZE_BYTES_MAX;
  }

  add(data: Buffer, isBinary: boolean): void {
    this.#messages.push({ data, isBinary });
    this.#sizeBytes += data.length;
    this.#wake();
  }

  /** Everything that is there, as soon as there is something; nothing once `ended` resolves. */
  async takeAll(ended: Promise<unknown>): Promise<readonly { readonly data: Buffer; readonly isBinary: boolean }[]> {
    if (this.#messages.length === 0) {
      const something = new Promise<void>((wake) => {
        this.#wake = wake;
      });
      await Promise.race([something, ended]);
    }
    const taken = this.#messages;
    this.#messages = [];
    this.#sizeBytes = 0;
    return taken;
  }
}

/** Makes each message of a WebSocket a record; connects again when the connection is lost. */
export async function receive(context: SourceContext<unknown>, options: ReceiveOptions): Promise<void> {
  const pauses = { initialDelayMs: options["retry-delay"], maxDelayMs: options["retry-delay-max"] };
  const what = `receive from ${shownEndpoint(options.endpoint)}`;
  await keepTrying(context, what, (works) => receiveOnce(context, options, works), pauses);
}

async function receiveOnce(context: SourceContext<unknown>, options: ReceiveOptions, works: () => void): Promise<void> {
  const { signal, logger } = context;
  const inbox = new Inbox();
  const state: { open?: OpenSocket } = {};
  const open = await openSocket(
    options,
    signal,
    (data, isBinary) => {
      inbox.add(data, isBinary);
      if (inbox.isFull) state.open?.socket.pause();
    },
    context.trouble,
  );
  state.open = open;
  logger.info({ endpoint: shownEndpoint(options.endpoint) }, "connected");
  const standsLong = setTimeout(works, WORKS_AFTER_MS);
  let stop: () => void = () => {};
  const stopped = new Promise<void>((resolve) => {
    stop = resolve;
  });
  signal.addEventListener("abort", stop, { once: true });
  try {
    for (const message of options.subscribe) open.socket.send(message);
    const ended = Promise.race([open.lost, stopped]);
    for (;;) {
      const messages = await inbox.takeAll(ended);
      if (messages.length > 0) works();
      for (const { data, isBinary } of messages) {
        await context.send({ value: messageValue(data, isBinary, options.output_type) });
      }
      if (open.socket.isPaused) open.socket.resume();
      if (messages.length > 0) continue;
      if (signal.aborted) return;
      throw await open.lost;
    }
  } finally {
    clearTimeout(standsLong);
    signal.removeEventListener("abort", stop);
    await open.close();
  }
}

/** A message as a record value: its bytes; with `json` an object with its text, or with the bytes of what is none. */
function messageValue(data: Buffer, isBinary: boolean, type: "text" | "json"): Uint8Array | string {
  if (type === "text") return data;
  if (!isBinary) return JSON.stringify({ body: data.toString() });
  try {
    return JSON.stringify({ body: new TextDecoder("utf-8", { fatal: true }).decode(data) });
  } catch {
    return JSON.stringify({ bodyBase64: data.toString("base64") });
  }
}
