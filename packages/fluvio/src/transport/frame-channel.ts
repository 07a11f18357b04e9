import type { Duplex } from "node:stream";
import { flvError } from "../protocol/index.ts";
import { FrameParser } from "./frame-parser.ts";

/** Written bytes that wait for the socket before {@link FrameChannel.send} asks to wait. */
const SEND_BUFFER_BYTES_MAX = 1024 * 1024;
/** Gathered writes go out at the end of the tick, or at this size. */
const CORK_BYTES_MAX = 128 * 1024;
/** Frames up to this size are written as one chunk: copying is cheaper than one more buffer in the system call. */
const COPY_BYTES_MAX = 4096;
/** How long a closing connection may take to write out what is queued. */
const CLOSE_MS_MAX = 1000;

export interface FrameChannelEvents {
  /** A throw closes the channel with that error. */
  onFrame(frame: Uint8Array): void;
  /** Once, when both directions are over. `reason` is absent after a plain end by either side. */
  onClose(reason: Error | undefined): void;
}

/** Frames in both directions over one byte stream. Writes of a tick leave together. */
export class FrameChannel {
  readonly #duplex: Duplex;
  readonly #parser: FrameParser;
  readonly #events: FrameChannelEvents;
  #corkedBytes = 0;
  #corked = false;
  #drained: Promise<void> | undefined;
  #reason: Error | undefined;
  #closing = false;
  #closed = false;
  readonly #paused = new Set<string>();

  constructor(duplex: Duplex, maxFrameBytes: number, events: FrameChannelEvents) {
    this.#duplex = duplex;
    this.#events = events;
    this.#parser = new FrameParser(maxFrameBytes, (frame) => {
      if (!this.#closing) events.onFrame(frame);
    });
    duplex.on("data", (chunk: Uint8Array) => this.#read(chunk));
    duplex.on("error", (error: Error) => {
      this.#reason ??= error;
    });
    duplex.on("end", () => {
      if (!this.#parser.isIdle) {
        this.#reason ??= flvError("FLV_CONNECTION_CLOSED", "connection closed in the middle of a frame", {
          retriable: true,
        });
      }
    });
    duplex.on("close", () => this.#finish());
  }

  get isOpen(): boolean {
    return !this.#closing && !this.#closed;
  }

  #read(chunk: Uint8Array): void {
    if (this.#closing) return;
    try {
      this.#parser.push(chunk);
    } catch (error) {
      this.close(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** Writes one frame: the chunks behind their common length. Chunks must stay unchanged until written. */
  send(chunks: readonly Uint8Array[]): Promise<void> {
    if (!this.isOpen) return Promise.resolve();
    let length = 0;
    for (const chunk of chunks) length += chunk.length;
    this.#cork(length);
    if (length <= COPY_BYTES_MAX) {
      this.#duplex.write(joined(chunks, length));
    } else {
      const first = chunks[0] as Uint8Array;
      const head = first.length <= COPY_BYTES_MAX ? [first] : [];
      this.#duplex.write(joined(head, length));
      for (let i = head.length; i < chunks.length; i++) this.#duplex.write(chunks[i] as Uint8Array);
    }
    if (this.#corkedBytes >= CORK_BYTES_MAX) this.#uncork();
    return this.#duplex.writableLength > SEND_BUFFER_BYTES_MAX ? this.drained() : Promise.resolve();
  }

  get isSendBufferFull(): boolean {
    return this.#duplex.writableLength > SEND_BUFFER_BYTES_MAX;
  }

  /** Whether everything that was sent has left: none of its bytes are read any more. */
  get isFlushed(): boolean {
    return this.#duplex.writableLength === 0;
  }

  /** Resolves when everything written has left, or the channel is closed. */
  drained(): Promise<void> {
    if (!this.#duplex.writableNeedDrain || this.#closed) return Promise.resolve();
    this.#drained ??= new Promise((resolve) => {
      const done = () => {
        this.#duplex.off("drain", done);
        this.#duplex.off("close", done);
        this.#drained = undefined;
        resolve();
      };
      this.#duplex.on("drain", done);
      this.#duplex.on("close", done);
    });
    return this.#drained;
  }

  #cork(bytes: number): void {
    this.#corkedBytes += bytes;
    if (this.#corked) return;
    this.#corked = true;
    this.#duplex.cork();
    process.nextTick(() => this.#uncork());
  }

  #uncork(): void {
    if (!this.#corked) return;
    this.#corked = false;
    this.#corkedBytes = 0;
    this.#duplex.uncork();
  }

  /** Stops reading until every reason to has been taken back. */
  pause(why: string): void {
    this.#paused.add(why);
    this.#duplex.pause();
  }

  resume(why: string): void {
    if (this.#paused.size > 0 && this.#paused.delete(why) && this.#paused.size === 0) this.#duplex.resume();
  }

  /** Writes out what is queued, then ends the connection. */
  close(reason?: Error): void {
    if (!this.isOpen) return;
    this.#closing = true;
    this.#reason ??= reason;
    this.#uncork();
    const force = setTimeout(() => this.#duplex.destroy(), CLOSE_MS_MAX);
    this.#duplex.once("close", () => clearTimeout(force));
    this.#duplex.end(() => this.#duplex.destroy());
  }

  #finish(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#events.onClose(this.#reason);
  }
}

/** Length field and chunks in one byte string. */
function joined(chunks: readonly Uint8Array[], length: number): Uint8Array {
  let size = 4;
  for (const chunk of chunks) size += chunk.length;
  const bytes = Buffer.allocUnsafe(size);
  bytes.writeInt32BE(length, 0);
  let at = 4;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}
