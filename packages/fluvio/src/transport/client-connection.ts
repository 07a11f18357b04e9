import type { Duplex } from "node:stream";
import {
  type Api,
  type ApiVersionEntry,
  apiVersionsApi,
  CLIENT_ID_DEFAULT,
  CLIENT_VERSION,
  decode,
  type FluvioError,
  flvError,
  isFluvioError,
  toFluvioError,
  Writer,
} from "../protocol/index.ts";
import { Deadlines } from "./deadlines.ts";
import { FrameChannel } from "./frame-channel.ts";
import { ReplyStream, type ReplyTaker } from "./reply-stream.ts";
import { type AbortOptions, type Connection, FRAME_BYTES_MAX_DEFAULT } from "./types.ts";

const REQUEST_TIMEOUT_MS_DEFAULT = 60_000;
const CORRELATION_ID_MAX = 0x7fffffff;
const CORRELATION_ID_BYTES = 4;

/** What a connection needs to know besides its byte stream. */
export interface ClientConnectionOptions extends AbortOptions {
  readonly host: string;
  readonly port: number;
  readonly clientId?: string;
  readonly requestTimeoutMs?: number;
  readonly maxFrameBytes?: number;
}

/** Wraps a connected byte stream and performs the ApiVersions handshake. Owns the stream, also when it fails. */
export async function openConnection(duplex: Duplex, options: ClientConnectionOptions): Promise<ClientConnection> {
  const connection = new ClientConnection(duplex, options);
  try {
    await connection.handshake(options.signal === undefined ? {} : { signal: options.signal });
    return connection;
  } catch (error) {
    connection.close(error instanceof Error ? error : undefined);
    throw error;
  }
}

/** The client's end of one connection. */
export class ClientConnection implements Connection {
  readonly host: string;
  readonly port: number;
  readonly closed: Promise<Error | undefined>;
  platformVersion = "";
  readonly #clientId: string;
  readonly #requestTimeoutMs: number;
  readonly #channel: FrameChannel;
  readonly #takers = new Map<number, ReplyTaker>();
  readonly #deadlines = new Deadlines();
  #versions: ReadonlyMap<number, ApiVersionEntry> = new Map();
  #nextCorrelationId = 1;
  #closeReason: Error | undefined;

  constructor(duplex: Duplex, options: ClientConnectionOptions) {
    this.host = options.host;
    this.port = options.port;
    this.#clientId = options.clientId ?? CLIENT_ID_DEFAULT;
    this.#requestTimeoutMs = options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS_DEFAULT;
    let ended = (_reason: Error | undefined) => {};
    this.closed = new Promise((resolve) => {
      ended = resolve;
    });
    this.#channel = new FrameChannel(duplex, options.maxFrameBytes ?? FRAME_BYTES_MAX_DEFAULT, {
      onFrame: (frame) => this.#dispatch(frame),
      onClose: (reason) => {
        this.#failAll(this.#closedError(reason));
        ended(reason);
      },
    });
  }

  get isOpen(): boolean {
    return this.#channel.isOpen;
  }

  async handshake(options: AbortOptions): Promise<void> {
    const { platform, arch } = process;
    const reply = await this.request(
      apiVersionsApi,
      { clientVersion: CLIENT_VERSION, clientOs: platform, clientArch: arch },
      { ...options, version: apiVersionsApi.maxVersion },
    );
    if (reply.errorCode.name !== "None") throw toFluvioError(reply.errorCode);
    this.platformVersion = reply.platformVersion;
    this.#versions = new Map(reply.apiKeys.map((entry) => [entry.apiKey, entry]));
    // multiplexing starts counting anew after the handshake
    this.#nextCorrelationId = 1;
  }

  versionOf(api: Api<unknown, never, unknown, never>): number {
    const entry = this.#versions.get(api.key);
    if (entry !== undefined && entry.maxVersion >= api.minVersion && entry.minVersion <= api.maxVersion) {
      return Math.min(api.maxVersion, entry.maxVersion);
    }
    if (api.fallbackVersion !== undefined) return api.fallbackVersion;
    const theirs = entry === undefined ? "none" : `${entry.minVersion} to ${entry.maxVersion}`;
    throw flvError(
      "FLV_VERSION_INCOMPATIBLE",
      `${api.name} is not understood by the cluster at ${this.host}:${this.port} (version ${this.platformVersion})`,
      {
        details: { api: api.name, ours: `${api.minVersion} to ${api.maxVersion}`, theirs },
        hint: `this client speaks versions ${api.minVersion} to ${api.maxVersion} of it, the cluster ${theirs}: upgrade the older side`,
      },
    );
  }

  request<Req, ReqIn, Res, ResIn>(
    api: Api<Req, ReqIn, Res, ResIn>,
    body: ReqIn,
    options: AbortOptions & { readonly timeoutMs?: number; readonly version?: number } = {},
  ): Promise<Res> {
    return new Promise<Res>((resolve, reject) => {
      const { signal } = options;
      signal?.throwIfAborted();
      const version = options.version ?? this.versionOf(api);
      const timeoutMs = options.timeoutMs ?? this.#requestTimeoutMs;
      const id = this.#correlationId();
      const settle = () => {
        this.#deadlines.delete(id);
        signal?.removeEventListener("abort", onAbort);
        this.#takers.delete(id);
      };
      const fail = (error: unknown) => {
        settle();
        reject(error);
      };
      const onAbort = () => fail(signal?.reason);
      this.#deadlines.set(id, timeoutMs, () => this.#requestTimedOut(api.name, timeoutMs, fail));
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#takers.set(id, {
        take: (reply) => {
          try {
            resolve(decode(api.response, reply, version));
            settle();
          } catch (error) {
            fail(error);
            throw error;
          }
        },
        fail,
      });
      try {
        this.#write(api, body, version, id);
      } catch (error) {
        fail(error);
      }
    });
  }

  #requestTimedOut(name: string, timeoutMs: number, fail: (error: Error) => void): void {
    const error = flvError("FLV_TIMEOUT", `no reply to ${name} from ${this.host}:${this.port} within ${timeoutMs} ms`, {
      details: { api: name, host: this.host, port: this.port, timeoutMs },
      hint: "check the cluster with `fluvio cluster status`, or allow more time",
      retriable: true,
    });
    fail(error);
    this.close(error);
  }

  stream<Req, ReqIn, Res, ResIn>(
    api: Api<Req, ReqIn, Res, ResIn>,
    body: ReqIn,
    options: AbortOptions & { readonly version?: number } = {},
  ): AsyncIterableIterator<Res> {
    const version = options.version ?? this.versionOf(api);
    const id = this.#correlationId();
    const stream = new ReplyStream<Res>({
      decode: (reply) => decode(api.response, reply, version),
      onFull: () => this.#channel.pause(`stream ${id}`),
      onRoom: () => this.#channel.resume(`stream ${id}`),
      onEnd: () => {
        this.#takers.delete(id);
      },
      onUndecodable: (error) => this.close(error),
      signal: options.signal,
    });
    this.#takers.set(id, stream);
    try {
      this.#write(api, body, version, id);
    } catch (error) {
      stream.fail(error as Error);
    }
    return stream;
  }

  #write<Req, ReqIn, Res, ResIn>(api: Api<Req, ReqIn, Res, ResIn>, body: ReqIn, version: number, id: number): void {
    if (!this.isOpen) throw this.#closedError(this.#closeReason);
    const writer = new Writer();
    writer.i16(api.key);
    writer.i16(version);
    writer.i32(id);
    writer.string(this.#clientId);
    api.request.write(writer, body, version);
    this.#channel.send(writer.finish()).catch(() => {});
  }

  #correlationId(): number {
    while (this.#takers.has(this.#nextCorrelationId)) this.#step();
    const id = this.#nextCorrelationId;
    this.#step();
    return id;
  }

  #step(): void {
    this.#nextCorrelationId = this.#nextCorrelationId === CORRELATION_ID_MAX ? 1 : this.#nextCorrelationId + 1;
  }

  #dispatch(frame: Uint8Array): void {
    if (frame.length < CORRELATION_ID_BYTES) {
      throw flvError("FLV_DECODE", `a reply of ${frame.length} bytes carries no correlation id`);
    }
    const id = new DataView(frame.buffer, frame.byteOffset).getInt32(0);
    // a reply that nobody waits for any more is dropped
    this.#takers.get(id)?.take(frame.subarray(CORRELATION_ID_BYTES));
  }

  #closedError(reason: Error | undefined): FluvioError {
    if (isFluvioError(reason) && reason.code !== "FLV_CONNECTION_CLOSED") return reason;
    const why = reason === undefined ? "" : `: ${reason.message}`;
    return flvError("FLV_CONNECTION_CLOSED", `connection to ${this.host}:${this.port} is closed${why}`, {
      details: { host: this.host, port: this.port },
      hint: "check the cluster with `fluvio cluster status`",
      retriable: true,
      ...(reason === undefined ? {} : { cause: reason }),
    });
  }

  #failAll(error: Error): void {
    const takers = [...this.#takers.values()];
    this.#takers.clear();
    for (const taker of takers) taker.fail(error);
  }

  close(reason?: Error): void {
    if (!this.isOpen) return;
    this.#closeReason = reason;
    this.#channel.close(reason);
    this.#failAll(this.#closedError(reason));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await this.closed;
  }
}
