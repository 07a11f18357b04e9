import { setMaxListeners } from "node:events";
import type { Duplex } from "node:stream";
import { Reader } from "../protocol/index.ts";
import { FrameChannel } from "./frame-channel.ts";
import { FRAME_BYTES_MAX_DEFAULT, type RequestHeader, type ServeOptions, type ServerConnection } from "./types.ts";

/** Bytes of unfinished calls on one connection before its socket is not read any further. */
const UNFINISHED_BYTES_MAX_DEFAULT = 16 * 1024 * 1024;

type CallOptions = Pick<ServeOptions, "handle" | "onError" | "maxFrameBytes" | "maxUnfinishedBytes">;

/** The server's end of one connection: calls `handle` for each frame and bounds what is unfinished. */
export class AcceptedConnection implements ServerConnection {
  readonly id: number;
  readonly remoteAddress: string;
  readonly #channel: FrameChannel;
  readonly #options: CallOptions;
  readonly #abort = new AbortController();
  #unfinished = 0;
  readonly #unfinishedBytesMax: number;
  #unfinishedBytes = 0;
  /** Those who wait until no call is unfinished. */
  #idleWaiters: (() => void)[] = [];
  /** Resolves when the connection is gone. */
  readonly closed: Promise<void>;

  constructor(id: number, remoteAddress: string, duplex: Duplex, options: CallOptions) {
    this.id = id;
    this.remoteAddress = remoteAddress;
    this.#options = options;
    this.#unfinishedBytesMax = options.maxUnfinishedBytes ?? UNFINISHED_BYTES_MAX_DEFAULT;
    setMaxListeners(0, this.#abort.signal);
    let ended = () => {};
    this.closed = new Promise((resolve) => {
      ended = resolve;
    });
    this.#channel = new FrameChannel(duplex, options.maxFrameBytes ?? FRAME_BYTES_MAX_DEFAULT, {
      onFrame: (frame) => this.#call(frame),
      onClose: (reason) => {
        this.#abort.abort(reason ?? new Error("connection closed"));
        if (reason !== undefined) options.onError?.(reason, this);
        ended();
      },
    });
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  send(chunks: readonly Uint8Array[]): Promise<void> {
    const room = this.#channel.send(chunks);
    if (this.#channel.isSendBufferFull) this.#pauseWhileFull();
    return room;
  }

  get isFlushed(): boolean {
    return this.#channel.isFlushed;
  }

  close(reason?: Error): void {
    this.#channel.close(reason);
  }

  #call(frame: Uint8Array): void {
    const reader = new Reader(frame);
    const header: RequestHeader = {
      apiKey: reader.u16(),
      apiVersion: reader.i16(),
      correlationId: reader.i32(),
      clientId: reader.string(),
    };
    const result = this.#options.handle(header, frame.subarray(reader.pos), this);
    if (result === undefined) return;
    const sizeBytes = frame.length;
    this.#unfinished += 1;
    this.#unfinishedBytes += sizeBytes;
    if (this.#unfinishedBytes > this.#unfinishedBytesMax) this.#channel.pause("calls");
    result.then(
      () => this.#finished(sizeBytes),
      (error: unknown) => {
        this.#channel.close(error instanceof Error ? error : new Error(String(error)));
        this.#finished(sizeBytes);
      },
    );
  }

  #finished(sizeBytes: number): void {
    this.#unfinished -= 1;
    this.#unfinishedBytes -= sizeBytes;
    if (this.#unfinishedBytes <= this.#unfinishedBytesMax) this.#channel.resume("calls");
    if (this.#unfinished > 0 || this.#idleWaiters.length === 0) return;
    const waiters = this.#idleWaiters;
    this.#idleWaiters = [];
    for (const resolve of waiters) resolve();
  }

  /** A peer that does not read its replies is not read either. */
  #pauseWhileFull(): void {
    this.#channel.pause("replies");
    void this.#channel.drained().then(() => this.#channel.resume("replies"));
  }

  /** Takes no more requests and resolves when those in flight are answered. */
  async drain(): Promise<void> {
    this.#channel.pause("drain");
    if (this.#unfinished > 0) await new Promise<void>((resolve) => this.#idleWaiters.push(resolve));
  }
}

/** The connections of one server. */
export class ConnectionSet {
  readonly #connections = new Set<AcceptedConnection>();
  readonly #options: CallOptions;
  #nextId = 1;

  constructor(options: CallOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#connections.size;
  }

  add(duplex: Duplex, remoteAddress: string): void {
    const connection = new AcceptedConnection(this.#nextId++, remoteAddress, duplex, this.#options);
    this.#connections.add(connection);
    void connection.closed.then(() => this.#connections.delete(connection));
  }

  /** Lets calls in flight finish for at most `drainMs`, then closes every connection. */
  async close(drainMs: number): Promise<void> {
    const connections = [...this.#connections];
    if (drainMs > 0) {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, drainMs);
      });
      await Promise.race([Promise.all(connections.map((connection) => connection.drain())), late]);
      clearTimeout(timer);
    }
    for (const connection of connections) connection.close();
    await Promise.all(connections.map((connection) => connection.closed));
  }
}
