import {
  keepTrying,
  type SinkContext,
  type SinkGroup,
  type SinkPosition,
  type SinkRecord,
  tryLater,
} from "fluvio/connector";
import { changeStatement, createTable, type Dialect, type Session } from "./dialect.ts";
import { KeptPositions, type Move } from "./kept-positions.ts";
import { OffsetsTable } from "./offsets-table.ts";
import { Reading, type ReadRows } from "./reading.ts";
import type { RowReader } from "./row.ts";
import { cellsAt, lastOfEachKey, partOf, type Run, runsByShape } from "./runs.ts";

export interface TableWriterOptions {
  readonly context: Pick<SinkContext<unknown>, "name" | "topic" | "trouble" | "logger" | "signal">;
  readonly dialect: Dialect;
  readonly read: RowReader;
  readonly createTable: boolean;
  readonly offsetsTable: string;
  /** A write that takes longer is given up and tried again. */
  readonly timeoutMs: number;
  /** Work of its own between transactions, with the tables that were written. */
  readonly between?: BetweenTransactions;
  /** What reading keeps from record to record. */
  readonly memory?: ReaderMemory;
}

/** Kept in the database by rows among those that are read. */
interface ReaderMemory {
  /** Reads what is kept: a connection is new. */
  open(session: Session): Promise<void>;
  /** Records are read for a transaction; what the one before brought is of no account unless it was committed. */
  begin(): void;
  committed(): void;
}

interface BetweenTransactions {
  isDue(nowMs: number): boolean;
  run(session: Session, tables: Iterable<string>, nowMs: number): Promise<void>;
}

/** When a database has not answered for so long, the state of the connector says so. */
const SLOW_MS = 3000;
/** How often is looked whether the work between transactions is due. */
const BETWEEN_POLL_MS = 100;

/** Writes groups of records as rows, each group in one transaction together with the position behind it. */
export class TableWriter {
  readonly #options: TableWriterOptions;
  readonly #offsets: OffsetsTable;
  readonly #kept = new KeptPositions();
  readonly #madeTables = new Set<string>();
  #session: Session | undefined;
  #opening: Promise<Session> | undefined;
  /** Whether a group has failed whose outcome is not known. */
  #isDoubtful = false;
  #isWriting = false;
  /** Tables of rows that are committed. */
  readonly #tables = new Set<string>();
  /** The group that comes next. */
  #ahead: Reading | undefined;
  /** What uses the session now, and what waits for it. */
  #turn: Promise<unknown> = Promise.resolve();
  #timer: ReturnType<typeof setInterval> | undefined;

  private constructor(options: TableWriterOptions) {
    const { dialect, offsetsTable, context } = options;
    this.#options = options;
    this.#offsets = new OffsetsTable(dialect, offsetsTable, context.name, context.topic);
  }

  /** Waits until the database is there. `undefined` when the connector is to stop before. */
  static async open(options: TableWriterOptions): Promise<TableWriter | undefined> {
    const writer = new TableWriter(options);
    if (!(await writer.#reconnect())) return undefined;
    if (options.between !== undefined) {
      writer.#timer = setInterval(() => {
        if (options.between?.isDue(Date.now()) === true) void writer.#alone(() => writer.#doBetween(false));
      }, BETWEEN_POLL_MS);
    }
    return writer;
  }

  /** The positions that the database keeps. */
  get positions(): readonly SinkPosition[] {
    return this.#kept.positions;
  }

  async #reconnect(): Promise<boolean> {
    const { context, dialect } = this.#options;
    const done = await keepTrying(context, `connect to ${dialect.shown}`, async (works) => {
      try {
        await this.#connected();
      } catch (error) {
        throw tryLater(dialect.failure(error).reason);
      }
      works();
      return true;
    });
    return done === true;
  }

  /** An open session that knows the positions; one attempt. */
  async #connected(): Promise<Session> {
    if (this.#session !== undefined && this.#session.broken === undefined && !this.#isDoubtful) return this.#session;
    this.#opening ??= this.#open().finally(() => {
      this.#opening = undefined;
    });
    return await this.#opening;
  }

  async #open(): Promise<Session> {
    this.#session?.destroy();
    const isAgain = this.#session !== undefined || this.#isDoubtful;
    this.#session = undefined;
    const session = await this.#options.dialect.connect(() => this.#lost());
    try {
      await this.#offsets.create(session);
      this.#kept.load(await this.#offsets.load(session), isAgain);
      await this.#options.memory?.open(session);
    } catch (error) {
      session.destroy();
      throw error;
    }
    this.#isDoubtful = false;
    this.#session = session;
    return session;
  }

  /** A connection that was idle is gone: it is made anew, so that the state of the connector tells the truth. */
  #lost(): void {
    if (this.#isWriting || this.#options.context.signal.aborted) return;
    this.#isDoubtful = true;
    // What it throws is met again by the next write.
    this.#reconnect().catch(() => {});
  }

  /** One after the other. */
  #alone<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => {});
    return result;
  }

  /** A failure is told and tried again when it is due again. */
  async #doBetween(isLast: boolean): Promise<void> {
    const { between, context } = this.#options;
    const session = this.#session;
    if (between === undefined || session === undefined || session.broken !== undefined || this.#isDoubtful) return;
    if (!isLast && !between.isDue(Date.now())) return;
    try {
      await between.run(session, this.#tables, Date.now());
    } catch (error) {
      const { reason } = this.#options.dialect.failure(error);
      context.trouble(`cannot export: ${reason}`);
      context.logger.warn({ reason }, "cannot export, trying again when it is due again");
    }
  }

  /** Resolves when the records and the position are durable. */
  write(group: SinkGroup, signal: AbortSignal): Promise<void> {
    return this.#alone(() => this.#write(group, signal));
  }

  async #write(group: SinkGroup, signal: AbortSignal): Promise<void> {
    const { dialect } = this.#options;
    this.#isWriting = true;
    let isRefusal = false;
    try {
      const session = await this.#timed(signal, undefined, () => this.#connected());
      const moves = this.#kept.moves(group);
      this.#options.memory?.begin();
      const runs = this.#rows(group);
      if (moves.length > 0 || runs.length > 0) {
        this.#readAhead(group);
        await this.#timed(signal, session, () => this.#store(session, group, runs, moves));
        isRefusal = true;
        await group.settleRefused();
        isRefusal = false;
        await this.#timed(signal, session, () => session.run("COMMIT"));
      }
      this.#kept.done(group, moves);
      this.#options.memory?.committed();
      if (this.#options.between !== undefined) for (const { shape } of runs) this.#tables.add(shape.table);
    } catch (error) {
      // Nothing that goes on with this session could tell what became of the transaction.
      this.#isDoubtful = true;
      this.#session?.destroy();
      if (isRefusal) throw error;
      throw signal.aborted ? signal.reason : tryLater(dialect.failure(error).reason, { cause: error });
    } finally {
      this.#isWriting = false;
    }
  }

  /** Rows of the records that are not written yet; what can be none is refused. */
  #rows(group: SinkGroup): ReadRows["runs"] {
    const records = this.#kept.open(group.records);
    const reading = this.#ahead?.records === records ? this.#ahead : new Reading(records, this.#options.read);
    this.#ahead = undefined;
    const { runs, refusals } = reading.finish();
    for (const { record, reason } of refusals) group.refuse(record, reason);
    return runs;
  }

  /** Reads the rows of the next group while the database is busy; not where they depend on what becomes of this one. */
  #readAhead(group: SinkGroup): void {
    if (this.#options.memory !== undefined) return;
    void group.following().then((records) => {
      if (records.length === 0 || records === this.#ahead?.records) return;
      this.#ahead = new Reading(records, this.#options.read);
      this.#ahead.begin();
    });
  }

  /** Everything of the transaction but its end. */
  async #store(session: Session, group: SinkGroup, runs: ReadRows["runs"], moves: readonly Move[]): Promise<void> {
    const { dialect } = this.#options;
    await this.#makeTables(session, runs);
    await session.run(dialect.begin);
    try {
      for (const run of runsByShape(runs)) await this.#insert(session, run);
    } catch (error) {
      if (dialect.failure(error).kind !== "record") throw error;
      await session.run("ROLLBACK");
      session.forget();
      await session.run(dialect.begin);
      await this.#storeEach(session, group, runs);
    }
    for (const move of moves) {
      if (!(await this.#offsets.move(session, move))) {
        throw new Error(`another process writes to ${dialect.shown} under the name of this connector`);
      }
    }
  }

  /** Tables cannot be made within a transaction everywhere. One that cannot be made is the fault of the record. */
  async #makeTables(session: Session, runs: ReadRows["runs"]): Promise<void> {
    const { createTable: isWanted, dialect } = this.#options;
    if (!isWanted) return;
    for (const { shape } of runs) {
      const { table, action, madeTypes } = shape;
      if (action !== undefined || madeTypes.length === 0 || this.#madeTables.has(table)) continue;
      try {
        await session.run(createTable(dialect, shape));
      } catch (error) {
        if (dialect.failure(error).kind !== "record") throw error;
        // The insert says the same of the record itself.
        continue;
      }
      this.#madeTables.add(table);
    }
  }

  /** Finds the records that the database refuses, by halves, and stores the others. */
  async #storeEach(session: Session, group: SinkGroup, runs: ReadRows["runs"]): Promise<void> {
    const { dialect } = this.#options;
    const stored: Run<SinkRecord>[] = [];
    const refused = new Set<SinkRecord>();
    const waiting = runs.toReversed();
    this.#madeTables.clear();
    for (let run = waiting.pop(); run !== undefined; run = waiting.pop()) {
      if (dialect.hasSavepoints) await session.run("SAVEPOINT fluvio");
      try {
        await this.#insert(session, run);
        if (dialect.hasSavepoints) await session.run("RELEASE SAVEPOINT fluvio");
        else stored.push(run);
      } catch (error) {
        const { kind, reason } = dialect.failure(error);
        if (kind !== "record") throw error;
        await this.#undo(session, stored);
        const middle = run.count >> 1;
        const record = run.records[0] as SinkRecord;
        if (run.count === 1 && !refused.has(record)) group.refuse(record, reason);
        if (run.count === 1) refused.add(record);
        else waiting.push(partOf(run, middle), partOf(run, 0, middle));
      }
    }
  }

  /** Takes back what failed; without savepoints that is everything, and what was stored is stored again. */
  async #undo(session: Session, stored: readonly Run<SinkRecord>[]): Promise<void> {
    const { dialect } = this.#options;
    if (dialect.hasSavepoints) {
      await session.run("ROLLBACK TO SAVEPOINT fluvio");
      return;
    }
    await session.run("ROLLBACK");
    await session.run(dialect.begin);
    for (const run of stored) await this.#insert(session, run);
  }

  /** Work of the database, given up after its time and when the connector must end. */
  async #timed<T>(signal: AbortSignal, session: Session | undefined, work: () => Promise<T>): Promise<T> {
    const { timeoutMs, dialect, context } = this.#options;
    const end = new AbortController();
    const slow = setTimeout(
      () => context.trouble(`${dialect.shown} has not answered for ${SLOW_MS / 1000} s`),
      SLOW_MS,
    );
    const late = setTimeout(() => {
      end.abort(new Error(`${dialect.shown} has not answered for ${Math.round(timeoutMs / 1000)} s`));
    }, timeoutMs);
    const onAbort = () => end.abort(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    const ended = new Promise<never>((_, reject) => {
      end.signal.addEventListener("abort", () => {
        reject(end.signal.reason);
        session?.destroy();
      });
    });
    ended.catch(() => {});
    try {
      signal.throwIfAborted();
      const working = work();
      working.catch(() => {});
      return await Promise.race([working, ended]);
    } finally {
      clearTimeout(slow);
      clearTimeout(late);
      signal.removeEventListener("abort", onAbort);
    }
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#alone(() => this.#doBetween(true));
    if (this.#isDoubtful) this.#session?.destroy();
    else await this.#session?.close();
  }

  async #insert(session: Session, run: Run<SinkRecord>): Promise<void> {
    const { shape, count } = run;
    if (shape.action === undefined) {
      await session.insert(lastOfEachKey(run));
      return;
    }
    if (shape.action === "define") {
      await session.define?.(shape);
      return;
    }
    const sql = changeStatement(this.#options.dialect, shape);
    for (let at = 0; at < count; at++) await session.run(sql, cellsAt(run, at));
  }
}
