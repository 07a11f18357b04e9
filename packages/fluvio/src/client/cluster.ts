import { CONSUMER_OFFSET_TOPIC, flvError, type MetadataOf } from "../protocol/index.ts";
import type { AbortOptions, Connection } from "../transport/index.ts";
import { Backoff, CALL_RETRY_DEFAULT, isConnectionError } from "./backoff.ts";
import type { Platform } from "./platform.ts";
import { Session } from "./session.ts";
import type { Settings } from "./settings.ts";
import type { RetryPolicy } from "./types.ts";

/** The connections of one client: one to the SC, one to each SPU that is used. Broken ones are made anew on demand. */
export class Cluster {
  readonly settings: Settings;
  readonly #platform: Platform;
  #session: Promise<Session> | undefined;
  #latest: Session | undefined;
  readonly #spus = new Map<string, Promise<Connection>>();
  readonly #closed = new AbortController();

  constructor(settings: Settings, platform: Platform) {
    this.settings = settings;
    this.#platform = platform;
    platform.manyListeners(this.#closed.signal);
  }

  /** For work in many places at once: a controller whose signal may have any number of listeners. */
  newController(): AbortController {
    const controller = new AbortController();
    this.#platform.manyListeners(controller.signal);
    return controller;
  }

  /** Options for many calls at once that are aborted together with `signal`. */
  following({ signal }: AbortOptions): AbortOptions {
    if (signal === undefined) return {};
    const own = AbortSignal.any([signal]);
    this.#platform.manyListeners(own);
    return { signal: own };
  }

  get isClosed(): boolean {
    return this.#closed.signal.aborted;
  }

  /** Aborted by {@link close}. */
  get closed(): AbortSignal {
    return this.#closed.signal;
  }

  /** The open session with the SC; connects when there is none. @throws FLV_CONNECT | FLV_TLS | FLV_VERSION_INCOMPATIBLE */
  async session(options: AbortOptions = {}): Promise<Session> {
    this.#checkOpen();
    const current = this.#session;
    if (current !== undefined) {
      const session = await withSignal(current, options.signal);
      if (session.isOpen) return session;
      if (this.#session === current) this.#session = undefined;
      return this.session(options);
    }
    const opening = this.#openSession();
    this.#session = opening;
    opening.catch(() => {
      if (this.#session === opening) this.#session = undefined;
    });
    return withSignal(opening, options.signal);
  }

  async #openSession(): Promise<Session> {
    const connection = await this.#connect(this.settings.host, this.settings.port, undefined);
    const session = new Session(connection, this.settings);
    try {
      await session.start();
    } catch (error) {
      connection.close(error instanceof Error ? error : undefined);
      throw error;
    }
    this.#latest = session;
    return session;
  }

  /** A connection to the SC that is the caller's own, who closes it. @throws FLV_CONNECT | FLV_TLS */
  async separateConnection({ signal }: AbortOptions = {}): Promise<Connection> {
    this.#checkOpen();
    const opening = this.#connect(this.settings.host, this.settings.port, undefined);
    try {
      return await withSignal(opening, signal);
    } catch (error) {
      opening.then((connection) => connection.close()).catch(() => {});
      throw error;
    }
  }

  /** Version of the cluster at the last connection. */
  get platformVersion(): string {
    return this.#latest?.connection.platformVersion ?? "";
  }

  /** The session as far as it is open now, without connecting. */
  get openSession(): Session | undefined {
    return this.#latest?.isOpen ? this.#latest : undefined;
  }

  async #connect(host: string, port: number, spuName: string | undefined): Promise<Connection> {
    const { tls, clientId, connectTimeoutMs, requestTimeoutMs, maxFrameBytes } = this.settings;
    const connection = await this.#platform.connect({
      host,
      port,
      tls,
      clientId,
      connectTimeoutMs,
      requestTimeoutMs,
      signal: this.#closed.signal,
      ...(maxFrameBytes === undefined ? {} : { maxFrameBytes }),
      ...(spuName !== undefined && tls.policy === "verified" ? { serverName: `${spuName}.${tls.domain}` } : {}),
    });
    if (this.isClosed) {
      connection.close();
      this.#checkOpen();
    }
    return connection;
  }

  /** The connection to the SPU that leads a partition. @throws FLV_TOPIC_NOT_FOUND | FLV_PARTITION_NOT_FOUND | FLV_CONNECT */
  async leader(topic: string, partition: number, options: AbortOptions = {}): Promise<Connection> {
    const session = await this.session(options);
    const { spec } = await session.partition(topic, partition, options);
    return this.#spu(await session.spu(spec.leader, options), options);
  }

  /**
   * Calls again, with pauses, while a lost connection or a partition that is between leaders is in the way. The call
   * must look everything up anew and do no harm when it is done twice.
   * @throws what the last attempt threw, when the policy's time is over; anything else at once; the signal's reason
   */
  async tryAgain<T>(
    call: () => Promise<T>,
    { signal }: AbortOptions = {},
    policy: Partial<RetryPolicy> = this.settings.retry,
  ): Promise<T> {
    const backoff = new Backoff({ ...CALL_RETRY_DEFAULT, ...policy }).start();
    try {
      for (;;) {
        try {
          return await call();
        } catch (error) {
          if (this.isClosed || signal?.aborted || !isConnectionError(error)) throw error;
          await backoff.pause(error, signal);
        }
      }
    } finally {
      backoff.settled();
    }
  }

  /** The connection to the SPU that keeps the consumer offsets. */
  offsetsLeader(options: AbortOptions = {}): Promise<Connection> {
    return this.leader(CONSUMER_OFFSET_TOPIC, 0, options);
  }

  async #spu(spu: MetadataOf<"SPU">, options: AbortOptions): Promise<Connection> {
    const { host, port } = spuAddress(spu, this.settings.useSpuLocalAddress);
    const key = `${host}:${port}`;
    const current = this.#spus.get(key);
    if (current !== undefined) {
      const connection = await withSignal(current, options.signal);
      if (connection.isOpen) return connection;
      if (this.#spus.get(key) === current) this.#spus.delete(key);
      return this.#spu(spu, options);
    }
    const opening = this.#connect(host, port, spu.name);
    this.#spus.set(key, opening);
    opening.catch(() => {
      if (this.#spus.get(key) === opening) this.#spus.delete(key);
    });
    return withSignal(opening, options.signal);
  }

  #checkOpen(): void {
    if (!this.isClosed) return;
    throw flvError("FLV_CONNECTION_CLOSED", "the client is closed", { hint: "connect again with Fluvio.connect()" });
  }

  /** Closes every connection. Idempotent. */
  async close(): Promise<void> {
    this.#closed.abort(flvError("FLV_CONNECTION_CLOSED", "the client was closed"));
    const connections = await Promise.allSettled([
      ...(this.#session === undefined ? [] : [this.#session.then((session) => session.connection)]),
      ...this.#spus.values(),
    ]);
    await Promise.all(
      connections.map(async (result) => {
        if (result.status === "fulfilled") await result.value[Symbol.asyncDispose]();
      }),
    );
  }
}

/** Where clients reach an SPU. @throws FLV_SPU_NOT_FOUND when it has no public address */
function spuAddress(spu: MetadataOf<"SPU">, useLocal: boolean): { readonly host: string; readonly port: number } {
  const { publicEndpoint, publicEndpointLocal } = spu.spec;
  if (useLocal && publicEndpointLocal !== undefined) {
    return { host: publicEndpointLocal.host, port: publicEndpointLocal.port };
  }
  const ingress = publicEndpoint.ingress[0];
  const host = ingress?.hostname ?? ingress?.ip;
  if (host === undefined) {
    throw flvError("FLV_SPU_NOT_FOUND", `SPU ${spu.name} has no public address`, {
      details: { spu: spu.name, id: spu.spec.id },
      hint: "see the SPUs with `fluvio cluster spu list`",
      retriable: true,
    });
  }
  return { host, port: publicEndpoint.port };
}

/** The promise's result, or the signal's reason; what the promise leads to is shared, so it goes on. */
export function withSignal<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}
