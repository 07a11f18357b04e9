import { type Api, FRAME_BYTES_MAX_DEFAULT } from "../protocol/index.ts";

export { FRAME_BYTES_MAX_DEFAULT };

export interface AbortOptions {
  /** Ends the wait; it rejects with `signal.reason` and leaves the connection usable. */
  readonly signal?: AbortSignal;
}

/** TLS as the profile has it (protocol.md 8.1). */
export type TlsOptions =
  | { readonly policy: "disabled" }
  | { readonly policy: "anonymous" }
  | {
      readonly policy: "verified";
      readonly domain: string;
      /** PEM texts. */
      readonly caCert: string;
      readonly cert: string;
      readonly key: string;
    };

/** A way to serve and to connect: TCP (with or without TLS), or memory. */
export interface Transport {
  /** @throws FLV_PORT_IN_USE | FLV_ARGUMENT */
  serve(options: ServeOptions): Promise<FrameServer>;
  /** Connects and performs the ApiVersions handshake. @throws FLV_CONNECT | FLV_TLS | FLV_TIMEOUT */
  connect(options: ConnectOptions): Promise<Connection>;
}

// ---- client side -------------------------------------------------------------------------------------------------

export interface ConnectOptions extends AbortOptions {
  readonly host: string;
  readonly port: number;
  readonly tls?: TlsOptions;
  /** SNI and verified name when it differs from the TLS domain (SPUs: `<spu key>.<domain>`). */
  readonly serverName?: string;
  readonly clientId?: string;
  readonly connectTimeoutMs?: number;
  /** Longest wait for a one-shot reply. Default 60 000; afterwards the connection is closed. */
  readonly requestTimeoutMs?: number;
  readonly maxFrameBytes?: number;
}

/** One connection: requests and streams multiplexed by correlation id. Opened with the ApiVersions handshake done. */
export interface Connection extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  /** `platform_version` of the peer. */
  readonly platformVersion: string;
  readonly isOpen: boolean;
  /** Resolves when the connection is closed, with the reason if it was not asked for. */
  readonly closed: Promise<Error | undefined>;
  /** The version used for an API (protocol.md 2.4). @throws FLV_VERSION_INCOMPATIBLE */
  versionOf(api: Api<unknown, never, unknown, never>): number;
  /** @throws FLV_CONNECTION_CLOSED | FLV_TIMEOUT | FLV_DECODE */
  request<Req, ReqIn, Res, ResIn>(
    api: Api<Req, ReqIn, Res, ResIn>,
    body: ReqIn,
    options?: AbortOptions & { readonly timeoutMs?: number; readonly version?: number },
  ): Promise<Res>;
  /**
   * Every reply of one request until the connection closes or the caller stops. Bounded: while replies wait, the
   * peer's stop-and-wait keeps more from coming. Byte fields are views of their frame.
   */
  stream<Req, ReqIn, Res, ResIn>(
    api: Api<Req, ReqIn, Res, ResIn>,
    body: ReqIn,
    options?: AbortOptions & { readonly version?: number },
  ): AsyncIterableIterator<Res>;
  close(reason?: Error): void;
}

// ---- server side -------------------------------------------------------------------------------------------------

/** A client of ours. */
export interface ServerConnection {
  readonly id: number;
  readonly remoteAddress: string;
  /** Aborted when the connection is closed, by either side. */
  readonly signal: AbortSignal;
  /**
   * Writes one frame: the chunks behind their common length, uncopied, whole (never interleaved with another).
   * Resolves when the socket has room again: await it before producing more.
   */
  send(chunks: readonly Uint8Array[]): Promise<void>;
  /** Whether everything that was sent has left, so that the memory of its chunks may be used again. */
  readonly isFlushed: boolean;
  /** Ends the connection; bad input ends only the connection it came from. */
  close(reason?: Error): void;
}

/** A request's header, read from the frame. */
export interface RequestHeader {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly correlationId: number;
  readonly clientId: string;
}

export interface ServeOptions {
  readonly host: string;
  /** 0 picks a free port. */
  readonly port: number;
  readonly maxFrameBytes?: number;
  /** Bytes of unfinished calls on one connection before it is not read any further. Default 16 MiB. */
  readonly maxUnfinishedBytes?: number;
  readonly tls?: {
    readonly cert: string;
    readonly key: string;
    readonly caCert?: string;
    readonly requireClientCert?: boolean;
  };
  /**
   * Called for each frame in order of arrival, without waiting for earlier ones; `body` is the frame after the header,
   * a view that stays valid as long as it is referenced. Replies go out with `connection.send`, the first 4 bytes
   * being the correlation id. While the bytes of unfinished calls on a connection exceed a bound, its socket is not
   * read; a call is finished when its promise settles, so a stream must not keep its promise open: its own
   * acknowledgements might then never be read. A throw or rejection closes that connection.
   */
  handle(header: RequestHeader, body: Uint8Array, connection: ServerConnection): Promise<void> | void;
  onError?(error: unknown, connection: ServerConnection): void;
}

export interface FrameServer extends AsyncDisposable {
  readonly port: number;
  readonly connectionCount: number;
  /** Stops accepting, lets calls in flight finish (at most `drainMs`), then closes every connection. */
  close(drainMs?: number): Promise<void>;
}
