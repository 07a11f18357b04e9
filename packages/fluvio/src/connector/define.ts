import type { z } from "zod";
import type { ConsumerRecord } from "../client/index.ts";
import type { LagUnit, Logger } from "../protocol/index.ts";

/** A record as a source hands it over. Text is sent as UTF-8. */
export interface SourceRecord {
  readonly key?: Uint8Array | string;
  readonly value: Uint8Array | string;
}

/** What every connector works with while it runs. */
export interface ConnectorContext<C> {
  /** The connector's own options, checked and converted by its schema. */
  readonly config: C;
  /** Name of this connector in the cluster. */
  readonly name: string;
  readonly topic: string;
  readonly logger: Logger;
  /** Aborted when the connector is to stop: finish what is in hand and return. */
  readonly signal: AbortSignal;
  /**
   * Says what keeps the connector from working just now, and with an empty text that nothing does any more: lists show
   * it beside the state. A sink's failed writes and {@link keepTrying} say it by themselves.
   */
  trouble(reason: string): void;
}

/** What can be kept as a source's position: JSON. */
export type Position = string | number | boolean | null | readonly Position[] | { readonly [key: string]: Position };

/** A place in the stream of a source's records: behind everything that was handed over so far. */
export interface Checkpoint {
  /** What a later run needs to go on here; kept by the cluster under the connector's name. Absent where the system keeps it. */
  readonly position?: Position;
  /**
   * Called when all records before this place are acknowledged by the cluster and the position is kept: the system may
   * forget them now. Calls come one at a time, in the order of the places; a throw ends the connector.
   */
  stored?(): void | Promise<void>;
}

/** What a source works with while it runs. */
export interface SourceContext<C> extends ConnectorContext<C> {
  /**
   * Hands a record over. Resolves when it is taken into the producer's queue, so awaiting it gives backpressure; bytes are
   * copied before it returns. Order is kept. A record that is too large is dealt with as `on-error` says.
   * @throws the error that made an earlier record impossible to deliver
   */
  send(record: SourceRecord): Promise<void>;
  /** The last position that was kept, also by an earlier run; `undefined` before the first. */
  readonly position: Position | undefined;
  /**
   * Marks a place between records. Returns at once; positions are kept in order, at most a few a second (only the last
   * of those that wait counts), and when the connector ends. Killed in between, a source repeats the records after the
   * last kept position (at least once). Places that wait for a long time make {@link send} wait.
   */
  checkpoint(place: Checkpoint): void;
  /** Resolves when every record handed over so far is acknowledged by the cluster, or refused and dealt with. */
  flush(): Promise<void>;
  /**
   * Says how much still waits in the system, where it tells: shown as the lag of the connector, in the unit of its
   * {@link SourceDefinition.lagUnit}.
   */
  lag(waiting: number): void;
}

/** A record for a sink. `key` and `value` are views that are valid while the write runs: copy them to keep them. */
export type SinkRecord = ConsumerRecord;

/** Records that are written together, in the order of their partitions. */
export interface SinkGroup {
  /** None where only the positions move on, which a target is told that keeps them itself. */
  readonly records: readonly SinkRecord[];
  /**
   * Says that the target will never take this record, while the others of the group are durable. Counts when the write
   * resolves; `on_error` decides what becomes of the record.
   * @param reason for the log and the dead-letter topic; without secrets
   */
  refuse(record: SinkRecord, reason: string): void;
  /**
   * Up to where the topic is worked off with this group, by partition, what SmartModules dropped included. For targets
   * that keep the position themselves, in the transaction that writes the records.
   */
  readonly positions: readonly SinkPosition[];
  /**
   * Resolves when the records refused so far are dealt with as `on_error` says. Only for targets that keep the position
   * themselves: await it before the transaction is committed. With `on_error: retry` it throws, so that the whole
   * group is tried again; let it through.
   */
  settleRefused(): Promise<void>;
  /**
   * Resolves with the records of the next group as soon as they are there, with none at the end and where reading ahead
   * would store too much (a chain with a kept state). For targets that convert records while they wait for this write;
   * they must be converted again when they do not come as the next group. Two groups are then held in memory.
   */
  following(): Promise<readonly SinkRecord[]>;
}

/** The last offset of a partition that is worked off. */
export interface SinkPosition {
  readonly partition: number;
  readonly offset: number;
}

/**
 * Writes a group of records to the target, in their order. Resolve only when they are durable there: the position is
 * stored after that, and records are written again when the connector is killed in between (at least once).
 *
 * What it throws decides what happens next: a {@link recordsRefused} error says that trying again is of no use, a
 * {@link tryLater} error how long to wait; everything else is taken for a passing trouble and tried again with growing
 * pauses. A group of several records that is refused as a whole is written again in halves, until the records that are
 * to blame are alone. Nothing of a group that threw counts as written.
 *
 * @param signal aborted when the write must be given up
 */
export type SinkWrite = (group: SinkGroup, signal: AbortSignal) => Promise<void>;

/** How records are put into groups. A group holds at least one record, whatever its size. */
export interface GroupOptions {
  /** Default 1: every record alone. */
  readonly recordsMax?: number;
  /** Keys and values together, bytes. Default 1 MiB. */
  readonly sizeBytesMax?: number;
  /** How long a group that is not full waits for more records. Default 0: it takes what is there. */
  readonly lingerMs?: number;
}

/** How a sink reads. */
export interface DeliverOptions extends GroupOptions {
  /**
   * Positions that the target keeps itself: reading begins behind them, whatever the cluster has stored. Partitions that
   * are missing begin as the connector's file says.
   */
  readonly positions?: readonly SinkPosition[];
}

/** What a sink works with while it runs. */
export interface SinkContext<C> extends ConnectorContext<C> {
  /**
   * Reads the topic and gives its records to `write`, one group at a time, until the connector is to stop; then the
   * group in hand is still written. Repetitions, `on_error`, the dead-letter topic and the stored position are taken
   * care of. While `write` runs, no more than one group and one answer per partition are held in memory, and one group
   * more for who asks for what is {@link SinkGroup.following}. Call it once.
   * @throws what cannot be helped by trying again; let it through
   */
  deliver(write: SinkWrite, options?: DeliverOptions): Promise<void>;
}

/** Options of a connector by their names in the file. */
export type ConfigSchema = z.ZodObject<Readonly<Record<string, z.ZodType>>>;

/** What sources and sinks say about themselves. */
interface Description<S extends ConfigSchema> {
  /** Type name in connector files, without `-source` or `-sink`. */
  readonly name: string;
  readonly version: string;
  /** One line for lists. */
  readonly summary: string;
  /** The only list of the connector's options: types, defaults and documentation. */
  readonly config: S;
  /** Options that once existed, each with what to write in their place. */
  readonly removed?: Readonly<Record<string, string>>;
}

/** A source connector: reads from another system and sends records to a topic. */
export interface SourceDefinition<S extends ConfigSchema = ConfigSchema> extends Description<S> {
  readonly direction: "source";
  /** What {@link SourceContext.lag} counts. Default: records. */
  readonly lagUnit?: LagUnit;
  /**
   * Works until the system has no more to give (the connector then stops) or `signal` aborts. A throw is a failure:
   * the supervisor starts the connector again after a pause.
   */
  run(context: SourceContext<z.output<S>>): Promise<void>;
}

/** A sink connector: reads records from a topic and writes them to another system. */
export interface SinkDefinition<S extends ConfigSchema = ConfigSchema> extends Description<S> {
  readonly direction: "sink";
  /**
   * Connects to the target, calls {@link SinkContext.deliver}, closes what it opened. A throw is a failure: the
   * supervisor starts the connector again after a pause, and it goes on behind the last record that was stored.
   */
  run(context: SinkContext<z.output<S>>): Promise<void>;
}

/** What a connector module exports under the name `connector`. */
export type ConnectorDefinition = SourceDefinition | SinkDefinition;

/** Declares a source connector. */
export function defineSource<S extends ConfigSchema>(
  definition: Omit<SourceDefinition<S>, "direction">,
): SourceDefinition<S> {
  return { ...definition, direction: "source" };
}

/**
 * Declares a sink connector.
 *
 * ```ts
 * export const connector = defineSink({
 *   name: "lines",
 *   version: "0.1.0",
 *   summary: "Appends each record to a file",
 *   config: z.object({ path: field.text({ doc: "file that is appended to" }) }),
 *   run: async ({ config, deliver }) => {
 *     const file = await open(config.path, "a");
 *     try {
 *       await deliver(async (group) => {
 *         await file.appendFile(group.records.map(({ value }) => `${new TextDecoder().decode(value)}\n`).join(""));
 *         await file.sync();
 *       }, { recordsMax: 1000 });
 *     } finally {
 *       await file.close();
 *     }
 *   },
 * });
 * ```
 */
export function defineSink<S extends ConfigSchema>(
  definition: Omit<SinkDefinition<S>, "direction">,
): SinkDefinition<S> {
  return { ...definition, direction: "sink" };
}
