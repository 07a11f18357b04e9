import type { z } from "zod";
import type { Logger } from "../protocol/index.ts";

/** A record as a source hands it over. Text is sent as UTF-8. */
export interface SourceRecord {
  readonly key?: Uint8Array | string;
  readonly value: Uint8Array | string;
}

/** What a source works with while it runs. */
export interface SourceContext<C> {
  /** The connector's own options, checked and converted by its schema. */
  readonly config: C;
  /** Name of this connector in the cluster. */
  readonly name: string;
  readonly topic: string;
  readonly logger: Logger;
  /** Aborted when the connector is to stop: finish what is in hand and return. */
  readonly signal: AbortSignal;
  /**
   * Hands a record over. Resolves when it is taken into the producer's queue, so awaiting it gives backpressure;
   * the bytes must not change until {@link flush} resolves. Order is kept.
   * @throws FLV_RECORD_TOO_LARGE, or the error that made an earlier record impossible to deliver
   */
  send(record: SourceRecord): Promise<void>;
  /** Resolves when every record handed over so far is acknowledged by the cluster. */
  flush(): Promise<void>;
}

/** Options of a connector by their names in the file. */
export type ConfigSchema = z.ZodObject<Readonly<Record<string, z.ZodType>>>;

/** A source connector: reads from another system and sends records to a topic. */
export interface SourceDefinition<S extends ConfigSchema = ConfigSchema> {
  readonly direction: "source";
  /** Type name in connector files, without `-source`. */
  readonly name: string;
  readonly version: string;
  /** One line for lists. */
  readonly summary: string;
  /** The only list of the connector's options: types, defaults and documentation. */
  readonly config: S;
  /** Options that once existed, each with what to write in their place. */
  readonly removed?: Readonly<Record<string, string>>;
  /**
   * Works until the system has no more to give (the connector then stops) or `signal` aborts. A throw is a failure:
   * the supervisor starts the connector again after a pause.
   */
  run(context: SourceContext<z.output<S>>): Promise<void>;
}

/** What a connector module exports under the name `connector`. */
export type ConnectorDefinition = SourceDefinition;

/** Declares a source connector. */
export function defineSource<S extends ConfigSchema>(
  definition: Omit<SourceDefinition<S>, "direction">,
): SourceDefinition<S> {
  return { ...definition, direction: "source" };
}
