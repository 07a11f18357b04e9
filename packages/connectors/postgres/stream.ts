import { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { ConnectionOptions } from "node:tls";
import pg from "pg";
import { LogicalReplicationService } from "pg-logical-replication";
import { type Lsn, lsnText, parseLsn } from "./lsn.ts";
import { type Message, MessageReader } from "./pgoutput.ts";
import type { Place } from "./record.ts";
import { clientConfig, type ServerOptions, withServerTls } from "./server.ts";

/** A message, or why it could not be read. */
interface Received {
  readonly place: Place;
  readonly message?: Message;
  readonly error?: unknown;
}

export interface StreamTarget {
  /** Called once the server streams. */
  started(): void;
  /** Called for one message at a time; the server is not read on until it resolves. */
  message(message: Message, place: Place): Promise<void>;
  /** Called when everything that the server had up to here was handed over, and there was nothing behind. */
  idle(lsn: Lsn): void;
  /** Told how long the server has said nothing although it was asked, 0 when it speaks again. */
  silent(forMs: number): void;
  /** Up to where the server may forget. */
  confirmed(): Lsn;
  /** Awaited when the stream was told to stop, before the server is told for the last time what it may forget. */
  stopping(): Promise<void>;
}

const STATUS_INTERVAL_MS = 1000;
const SILENT_MS = 3000;
const DEAD_MS = 20_000;
const STOP_TIMEOUT_MS = 2000;
/** What precedes a message: its tag, its place, the end of the log, the server's time. */
const HEADER_SIZE_BYTES = 25;
const START_AT = 1;
const END_AT = 9;
const TIME_AT = 17;

/** Reads messages as they arrive: the driver's buffer is written again after that. */
class Messages {
  readonly name = "pgoutput";
  readonly options: { readonly publication: string; received(): void };
  readonly #reader = new MessageReader();

  constructor(options: Messages["options"]) {
    this.options = options;
  }

  start(client: pg.Client, slot: string, lsn: string): Promise<unknown> {
    const names = pg.escapeLiteral(pg.escapeIdentifier(this.options.publication));
    const options = `proto_version '1', publication_names ${names}`;
    return client.query(`START_REPLICATION SLOT ${pg.escapeIdentifier(slot)} LOGICAL ${lsn} (${options})`);
  }

  parse(bytes: Buffer): Received {
    this.options.received();
    const header = new DataView(bytes.buffer, bytes.byteOffset - HEADER_SIZE_BYTES, HEADER_SIZE_BYTES);
    const place = {
      walStart: header.getBigInt64(START_AT),
      walEnd: header.getBigInt64(END_AT),
      timestamp: header.getBigInt64(TIME_AT),
    };
    try {
      return { place, message: this.#reader.read(bytes) };
    } catch (error) {
      return { place, error };
    }
  }
}

/** What is said between the server and the target, one message at a time. */
class Talk {
  /** Settled by what ends it. */
  readonly ended: Promise<void>;
  readonly end: (error: unknown) => void;
  /** What is in hand. */
  working: Promise<void> = Promise.resolve();
  readonly #service: LogicalReplicationService;
  readonly #target: StreamTarget;
  #received = 0;
  #done = 0;
  #heardAtMs = performance.now();
  #hasEnded = false;

  constructor(service: LogicalReplicationService, target: StreamTarget) {
    this.#service = service;
    this.#target = target;
    const { ended, end } = ending(() => {
      this.#hasEnded = true;
    });
    this.ended = ended;
    this.end = end;
    service.on("start", () => target.started());
    service.on("error", end);
    service.on("data", (_: string, received: Received) => this.#take(received));
    service.on("heartbeat", (lsn: string, __: number, wantsAnswer: boolean) => {
      this.#heard();
      // It overtakes messages that wait for their turn.
      if (this.#received === this.#done) target.idle(parseLsn(lsn) ?? 0n);
      if (wantsAnswer) this.#confirm(false);
    });
  }

  /** A message has come; it is taken when it is its turn. */
  received(): void {
    this.#received++;
    this.#heard();
  }

  /** To be called now and then: tells the server what it may forget, and sees whether it is there. */
  check(): void {
    this.#confirm(true);
    // While messages wait here, the server is not read.
    if (this.#received !== this.#done) return;
    const silentMs = performance.now() - this.#heardAtMs;
    if (silentMs > SILENT_MS) this.#target.silent(silentMs);
    if (silentMs > DEAD_MS) this.end(new Error("the server does not answer"));
  }

  #take({ message, place, error }: Received): Promise<void> | undefined {
    if (this.#hasEnded) return;
    this.working = (async () => {
      if (message === undefined) throw error;
      await this.#target.message(message, place);
      this.#done++;
      this.#heardAtMs = performance.now();
    })().catch(this.end);
    return this.working;
  }

  #heard(): void {
    this.#heardAtMs = performance.now();
    this.#target.silent(0);
  }

  #confirm(asks: boolean): void {
    const lsn = this.#target.confirmed();
    // The driver adds the one byte that makes a place the next one.
    if (lsn > 0n) this.#service.acknowledge(lsnText(lsn - 1n), asks).catch(this.end);
  }
}

/**
 * Reads a slot from a place on, until `signal` aborts.
 * @throws what ended the stream
 */
export async function streamChanges(
  options: ServerOptions,
  from: Lsn,
  target: StreamTarget,
  signal: AbortSignal,
): Promise<void> {
  await withServerTls(options, (tls) => streamWith(tls, options, { from, target, signal }));
}

async function streamWith(
  tls: ConnectionOptions | undefined,
  options: ServerOptions,
  { from, target, signal }: { readonly from: Lsn; readonly target: StreamTarget; readonly signal: AbortSignal },
): Promise<void> {
  const socket = new Socket();
  const service = new LogicalReplicationService(clientConfig(options, socket, tls), {
    acknowledge: { auto: false, timeoutSeconds: 0 },
    flowControl: { enabled: true },
  });
  const talk = new Talk(service, target);
  const plugin = new Messages({ publication: options.publication, received: () => talk.received() });
  const timer = setInterval(() => talk.check(), STATUS_INTERVAL_MS);
  const stop = () => talk.end(undefined);
  signal.addEventListener("abort", stop, { once: true });
  try {
    service
      .subscribe(plugin, options.slot, lsnText(from))
      .then(() => talk.end(new Error("the server ended the stream")), talk.end);
    if (signal.aborted) stop();
    await talk.ended;
  } finally {
    clearInterval(timer);
    signal.removeEventListener("abort", stop);
    // What is in hand goes on to the topic: the next session must not begin before it is there.
    await talk.working;
    if (signal.aborted) {
      await target.stopping();
      await lastConfirmation(service, target);
    }
    await Promise.race([service.destroy().catch(() => {}), sleep(STOP_TIMEOUT_MS, undefined, { ref: false })]);
    socket.destroy();
  }
}

/** A promise that the first `end` settles: with an error, or without one when the stream is to stop. */
function ending(onEnd: () => void) {
  let settle = (_: Error | undefined): void => {};
  const ended = new Promise<void>((resolve, reject) => {
    settle = (error) => (error === undefined ? resolve() : reject(error));
  });
  const end = (error: unknown) => {
    onEnd();
    settle(error === undefined || error instanceof Error ? error : new Error(String(error)));
  };
  return { ended, end };
}

async function lastConfirmation(service: LogicalReplicationService, target: StreamTarget): Promise<void> {
  const lsn = target.confirmed();
  if (lsn > 0n) await service.acknowledge(lsnText(lsn - 1n)).catch(() => false);
}
