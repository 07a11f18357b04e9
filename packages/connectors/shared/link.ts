import { setTimeout as sleep } from "node:timers/promises";
import { type ConnectorContext, keepTrying, tryLater } from "fluvio/connector";
import { reasonOf } from "./reason.ts";

/** A connection that stands. */
export interface Connection<T> {
  readonly client: T;
  /** Resolves with the reason when it is lost; never rejects. */
  readonly lost: Promise<Error>;
  /** Asks the system for a sign of life, where the driver does not do it by itself. */
  ping?(): Promise<unknown>;
  close(): Promise<unknown>;
}

export interface LinkOptions {
  /** How long {@link Link.use} waits for a connection before it tells why there is none. Default 2 s. */
  readonly waitMs?: number;
  /** How often the system is asked for a sign of life, and how long it may take. Default 2 s. */
  readonly pingMs?: number;
}

type Standing<T> = { readonly connection: Connection<T> } | { readonly failure: unknown };

/**
 * Keeps a sink connected: connects at once, and again whenever the connection is lost, also while there is nothing to
 * write; the connector's state tells what is in the way. It outlasts the stop, so that the write in hand can end.
 */
export class Link<T> implements AsyncDisposable {
  readonly #what: string;
  readonly #waitMs: number;
  readonly #pingMs: number;
  readonly #end = new AbortController();
  readonly #ended: Promise<undefined>;
  readonly #running: Promise<void>;
  #standing: Standing<T> | undefined;
  #problem = "the connection does not stand yet";
  #heard: (() => void)[] = [];

  /** @param what for messages: "connect to redis://db:6379" */
  constructor(
    context: Pick<ConnectorContext<unknown>, "logger" | "trouble">,
    what: string,
    connect: () => Promise<Connection<T>>,
    options: LinkOptions = {},
  ) {
    this.#what = what;
    this.#waitMs = options.waitMs ?? 2000;
    this.#pingMs = options.pingMs ?? 2000;
    const { logger, trouble } = context;
    this.#ended = new Promise((resolve) => {
      this.#end.signal.addEventListener("abort", () => resolve(undefined), { once: true });
    });
    this.#running = keepTrying({ signal: this.#end.signal, logger, trouble }, what, (works) =>
      this.#hold(connect, works, trouble),
    ).catch((failure: unknown) => this.#stands({ failure }));
  }

  async #hold(connect: () => Promise<Connection<T>>, works: () => void, trouble: (reason: string) => void) {
    const { signal } = this.#end;
    let connection: Connection<T>;
    try {
      connection = await connect();
    } catch (error) {
      this.#problem = reasonOf(error);
      throw new Error(this.#problem);
    }
    const ended = new AbortController();
    try {
      if (signal.aborted) return;
      works();
      this.#stands({ connection });
      const watching = this.#watch(connection, ended.signal, trouble);
      const lost = await Promise.race([connection.lost, this.#ended]);
      ended.abort();
      await watching;
      if (lost === undefined) return;
      this.#problem = reasonOf(lost);
      throw new Error(this.#problem);
    } finally {
      this.#standing = undefined;
      await connection.close().catch(() => {
        // It is given up whatever it says.
      });
    }
  }

  /** Tells when the system stops answering while the connection stands, and when it answers again. */
  async #watch(connection: Connection<T>, ended: AbortSignal, trouble: (reason: string) => void): Promise<void> {
    const { ping } = connection;
    if (ping === undefined) return;
    const whenEnded = new Promise<void>((resolve) => {
      ended.addEventListener("abort", () => resolve(), { once: true });
    });
    while (!ended.aborted) {
      await sleep(this.#pingMs, undefined, { signal: ended }).catch(() => {
        // The connection is over; the loop sees it.
      });
      if (ended.aborted) return;
      let isLate = false;
      const timer = setTimeout(() => {
        isLate = true;
        trouble(`cannot ${this.#what}: no answer for ${this.#pingMs / 1000} s`);
      }, this.#pingMs);
      // Why a sign of life fails is what the lost connection tells.
      await Promise.race([ping().catch(() => {}), whenEnded]);
      clearTimeout(timer);
      if (isLate && !ended.aborted) trouble("");
    }
  }

  #stands(standing: Standing<T>): void {
    this.#standing = standing;
    const heard = this.#heard;
    this.#heard = [];
    for (const wake of heard) wake();
  }

  /**
   * The client of the connection that stands, as soon as there is one.
   * @throws `tryLater` with what is in the way when there is none in time; what keeps it from ever standing
   */
  async use(): Promise<T> {
    if (this.#standing === undefined) {
      const waiting = new AbortController();
      const late = sleep(this.#waitMs, undefined, { signal: waiting.signal, ref: false }).catch(() => {});
      await Promise.race([late, new Promise<void>((wake) => this.#heard.push(wake))]);
      waiting.abort();
    }
    const standing: Standing<T> | undefined = this.#standing;
    if (standing === undefined) throw tryLater(`cannot ${this.#what}: ${this.#problem}`);
    if ("failure" in standing) throw standing.failure;
    return standing.connection.client;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    await this.#running;
  }
}
