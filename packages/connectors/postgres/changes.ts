import { setTimeout as sleep } from "node:timers/promises";
import { connectorStopped, keepTrying, type SourceContext, type SourceRecord, tryLater } from "fluvio/connector";
import { reasonOf } from "../shared/reason.ts";
import { changeRecords } from "./change.ts";
import { followLogEnd } from "./log-end.ts";
import { type Lsn, lsnText } from "./lsn.ts";
import type { Message } from "./pgoutput.ts";
import { messageRecord, type Place } from "./record.ts";
import { type Connection, createSlot, dropSlot, open, prepare, type Server, type ServerOptions } from "./server.ts";
import { readSnapshot } from "./snapshot.ts";
import { type State, statePosition } from "./state.ts";
import { streamChanges } from "./stream.ts";

export interface ChangesOptions extends ServerOptions {
  /** Host, port and database, for messages. */
  readonly shown: string;
  readonly snapshot: "initial" | "never";
  readonly onLostSlot: "stop" | "snapshot";
  readonly format: "messages" | "changes";
}

type Context = Pick<
  SourceContext<unknown>,
  "signal" | "logger" | "trouble" | "send" | "flush" | "checkpoint" | "position" | "lag"
>;

const RETRY_DELAY_MAX_MS = 5000;
const FLUSH_TIMEOUT_MS = 5000;
/** Within a large transaction a place is kept after so many messages. */
const MESSAGES_PER_PLACE = 1000;
const SLOT_WAIT_MS = 3000;
/** A server that does not answer keeps the end up no longer than this. */
const LOG_END_TIMEOUT_MS = 1000;
/** Microseconds from 1970 to 2000. */
const EPOCH_MICROSECONDS = 946_684_800_000_000n;

/** Reads the changes of a database until the connector is to stop. */
export class Changes {
  readonly #context: Context;
  readonly #options: ChangesOptions;
  #state: State | undefined;
  /** Stored in the topic, and so no more needed from the server. */
  #confirmed: Lsn = 0n;
  /** What an earlier session has handed over of the transaction that comes first. */
  #part: { readonly finalLsn: Lsn; readonly messages: number } | undefined;
  /** The transaction in hand: what of it was handed over, also by an earlier session. */
  #transaction: { finalLsn: Lsn; seen: number; handedOver: number } | undefined;
  /** Behind the last commit for which a place was marked. */
  #marked: Lsn = 0n;
  #sinceMark = 0;

  constructor(context: Context, options: ChangesOptions, state: State | undefined) {
    this.#context = context;
    this.#options = options;
    this.#state = state;
    // What was kept was stored before.
    if (state?.phase === "changes") this.#confirmed = state.lsn;
  }

  async run(): Promise<void> {
    const { shown } = this.#options;
    const attempt = async (works: () => void) => {
      try {
        const from = await this.#begin();
        await this.#stream(from, works);
      } catch (error) {
        throw isOwn(error) ? error : tryLater(reasonOf(error), { cause: error });
      }
    };
    await keepTrying(this.#context, `read the changes of ${shown}`, attempt, { maxDelayMs: RETRY_DELAY_MAX_MS });
  }

  /** Makes what is missing, takes the snapshot when it is due; resolves to where the changes begin. */
  async #begin(): Promise<Lsn> {
    await using connection = await open(this.#options, "sql");
    const server = await prepare(connection.client, this.#options);
    const { slot } = server;
    const lost = this.#whatIsLost(server);
    if (lost === undefined && slot !== undefined && this.#state?.phase !== "snapshot") {
      this.#confirm(slot.confirmedLsn);
      if (this.#state === undefined) {
        const details = { slot: this.#options.slot, lsn: lsnText(slot.confirmedLsn) };
        this.#context.logger.info(details, "the slot is there already: its changes are read, without a snapshot");
        this.#state = { phase: "changes", system: server.system, lsn: slot.confirmedLsn };
      }
      return this.#state.lsn;
    }
    if (lost !== undefined) this.#giveUp(lost);
    if (this.#state?.phase === "snapshot") {
      this.#context.logger.warn({ slot: this.#options.slot }, "the snapshot was not completed: it begins again");
    }
    return await this.#beginAnew(connection, server);
  }

  /** Why the changes behind the kept place cannot be had any more. */
  #whatIsLost({ system, endLsn, slot }: Server): string | undefined {
    const state = this.#state;
    const { slot: name, shown } = this.#options;
    if (slot?.isLost === true) return `the server has removed the log that the slot ${name} needs`;
    if (state === undefined) return undefined;
    if (state.system !== system) return `${shown} is not the server that was read until now`;
    if (state.phase === "snapshot") return undefined;
    if (slot === undefined) return `the slot ${name} is gone`;
    if (endLsn < state.lsn) {
      return `the server's log ends at ${lsnText(endLsn)}, before what was read until now (${lsnText(state.lsn)})`;
    }
    return undefined;
  }

  #giveUp(lost: string): void {
    const { onLostSlot } = this.#options;
    const state = this.#state;
    const behind = state?.phase === "changes" ? ` behind ${lsnText(state.lsn)}` : "";
    const reason = `${lost}: changes${behind} are lost`;
    if (onLostSlot === "stop") {
      const hint = "Set `on-lost-slot: snapshot` to make a new slot and read all rows again";
      throw connectorStopped(reason, hint);
    }
    this.#context.logger.error({ reason }, "a new slot is made, and all rows are read again");
  }

  async #beginAnew(connection: Connection, { system, slot }: Server): Promise<Lsn> {
    const { slot: name, skipSetup, snapshot, publication } = this.#options;
    const { logger, trouble, signal } = this.#context;
    if (skipSetup && slot === undefined) {
      throw tryLater(`the slot ${name} does not exist: create it, or leave \`skip_setup\` out`);
    }
    this.#transaction = undefined;
    if (snapshot === "initial") {
      this.#state = { phase: "snapshot", system };
      await this.#kept();
    }
    if (slot !== undefined) await dropSlot(connection.client, name);
    // The snapshot is there as long as this connection does nothing else.
    await using replication = await open(this.#options, "replication");
    const waiting = setTimeout(
      () => trouble(`waits for the transactions that run, before the slot ${name} can be made`),
      SLOT_WAIT_MS,
    );
    const made = await createSlot(replication.client, name).finally(() => clearTimeout(waiting));
    trouble("");
    logger.info({ slot: name, lsn: lsnText(made.lsn) }, "slot made");
    if (snapshot === "initial") {
      const place = {
        walStart: made.lsn,
        walEnd: made.lsn,
        timestamp: BigInt(Date.now()) * 1000n - EPOCH_MICROSECONDS,
        isSnapshot: true,
      };
      const target = {
        table: (relation: Message) => this.#handOver(relation, place),
        row: (relation: Extract<Message, { type: "relation" }>, tuple: readonly (string | null)[]) =>
          this.#handOver({ type: "insert", relation, tuple }, place),
      };
      const counts = await readSnapshot(connection.client, publication, made.snapshot, target, signal);
      logger.info(counts, "snapshot complete");
    }
    this.#confirmed = made.lsn;
    this.#state = { phase: "changes", system, lsn: made.lsn };
    this.#mark();
    return made.lsn;
  }

  async #stream(from: Lsn, works: () => void): Promise<void> {
    const { trouble, signal } = this.#context;
    const { shown } = this.#options;
    let isSilent = false;
    this.#marked = this.#confirmed > from ? this.#confirmed : from;
    this.#takePart();
    const target = {
      started: works,
      message: (message: Message, place: Place) => this.#take(message, place),
      idle: (lsn: Lsn) => {
        // Everything is stored: what other databases and tables write need not be kept for this slot.
        if (this.#transaction === undefined && this.#confirmed >= this.#marked && lsn > this.#confirmed) {
          this.#confirmed = lsn;
        }
      },
      silent: (forMs: number) => {
        if (forMs > 0) trouble(`${shown} has not answered for ${Math.floor(forMs / 1000)} s`);
        else if (isSilent) trouble("");
        isSilent = forMs > 0;
      },
      confirmed: () => this.#confirmed,
      stopping: () => this.#storeAll(),
    };
    const ended = new AbortController();
    const following = followLogEnd(this.#options, AbortSignal.any([signal, ended.signal]), (end) => {
      this.#context.lag(Math.max(0, Number(end - this.#confirmed)));
    });
    try {
      await streamChanges(this.#options, from, target, signal);
    } finally {
      ended.abort();
      await Promise.race([following, sleep(LOG_END_TIMEOUT_MS, undefined, { ref: false })]);
    }
  }

  /** What was handed over is stored, so that the server learns of it. */
  async #storeAll(): Promise<void> {
    if (this.#transaction !== undefined) this.#markPart(this.#transaction);
    const late = sleep(FLUSH_TIMEOUT_MS, undefined, { ref: false });
    await Promise.race([this.#context.flush().then(() => this.#confirm(this.#marked)), late]).catch(() => {
      // The runner tells why records cannot be stored.
    });
  }

  /** A session that begins in a transaction leaves out what of it was handed over. */
  #takePart(): void {
    const part = this.#transaction ?? partOf(this.#state);
    this.#transaction = undefined;
    this.#part = part === undefined ? undefined : { finalLsn: part.finalLsn, messages: part.handedOver };
  }

  async #take(message: Message, place: Place): Promise<void> {
    if (message.type === "begin") {
      const isKnown = this.#part?.finalLsn === message.finalLsn;
      this.#transaction = {
        finalLsn: message.finalLsn,
        seen: 0,
        handedOver: isKnown ? (this.#part?.messages ?? 0) : 0,
      };
      this.#part = undefined;
    }
    const transaction = this.#transaction;
    const isCounted = message.type !== "relation" && message.type !== "type" && message.type !== "origin";
    if (transaction === undefined || !isCounted) {
      await this.#handOver(message, place);
      return;
    }
    if (++transaction.seen > transaction.handedOver) {
      await this.#handOver(message, place);
      transaction.handedOver = transaction.seen;
    }
    if (message.type === "commit") {
      this.#transaction = undefined;
      this.#state = { phase: "changes", system: this.#state?.system ?? "", lsn: message.endLsn };
      this.#mark();
    } else if (++this.#sinceMark >= MESSAGES_PER_PLACE) this.#markPart(transaction);
  }

  async #handOver(message: Message, place: Place): Promise<void> {
    const records: readonly SourceRecord[] =
      this.#options.format === "changes" ? changeRecords(message, place) : [{ value: messageRecord(message, place) }];
    for (const record of records) await this.#context.send(record);
  }

  #mark(): void {
    const state = this.#state;
    if (state?.phase !== "changes") return;
    this.#sinceMark = 0;
    this.#marked = state.lsn;
    this.#context.checkpoint({ position: statePosition(state), stored: () => this.#confirm(state.lsn) });
  }

  #markPart({ finalLsn, handedOver }: { readonly finalLsn: Lsn; readonly handedOver: number }): void {
    const state = this.#state;
    if (state?.phase !== "changes") return;
    this.#sinceMark = 0;
    this.#context.checkpoint({ position: statePosition({ ...state, partial: { finalLsn, messages: handedOver } }) });
  }

  #confirm(lsn: Lsn): void {
    if (lsn > this.#confirmed) this.#confirmed = lsn;
  }

  /** Resolves when the state is kept by the cluster. */
  #kept(): Promise<void> {
    const state = this.#state;
    const { signal, checkpoint } = this.#context;
    return new Promise((resolve, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      if (state === undefined) resolve();
      else checkpoint({ position: statePosition(state), stored: () => resolve() });
    });
  }
}

function partOf(state: State | undefined): { readonly finalLsn: Lsn; readonly handedOver: number } | undefined {
  if (state?.phase !== "changes" || state.partial === undefined) return undefined;
  return { finalLsn: state.partial.finalLsn, handedOver: state.partial.messages };
}

/** Whether an error is this product's, not the driver's. */
function isOwn(error: unknown): boolean {
  return error instanceof Error && "code" in error && typeof error.code === "string" && error.code.startsWith("FLV_");
}
