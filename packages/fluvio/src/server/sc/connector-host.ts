import type { ConnectorStats } from "../../protocol/index.ts";
import type { ModuleTotals } from "../../smartengine/index.ts";
import type { ModuleSwitch } from "../link.ts";

/** State of a managed connector as users see it. */
export type ConnectorResolution = "initializing" | "invalid" | "pending" | "running" | "failed" | "stopped" | "paused";

export interface ConnectorStatus {
  readonly resolution: ConnectorResolution;
  /** Why it is not running; empty when it is. */
  readonly reason: string;
  readonly processId: number | undefined;
  readonly restarts: number;
}

/** How a connector is run. */
export interface ApplyOptions {
  /** The configuration as it may be shown, without secrets. */
  readonly shown?: Uint8Array;
  /** It is kept ready, with its log, but does not run. Default false. */
  readonly isPaused?: boolean;
}

/** Counters of a connector, over restarts of its process. */
export interface ConnectorCounters extends Omit<ConnectorStats, "lag"> {
  readonly topic: string;
  /** What waits in a source's system, where it says, in `lagUnit`. */
  readonly lag: number | undefined;
  /** Of a sink: where it goes on in the partitions that it reads. */
  readonly positions: readonly { readonly partition: number; readonly nextOffset: number }[];
  /** Of the SmartModules that run in its process and not in the cluster: those of a source. */
  readonly modules: readonly ModuleTotals[];
}

/** The value of a cluster's secret now; `undefined` when there is none. */
export type SecretLookup = (name: string) => Promise<string | undefined>;

/**
 * Runs managed connectors for the SC. The SC keeps their configuration and decides which exist; the host, given to it
 * where the cluster process is put together, knows how to check and run them.
 */
export interface ConnectorHost extends AsyncDisposable {
  /**
   * @param config the normalised connector file, JSON in UTF-8
   * @returns the configuration as it may be shown, without secrets
   * @throws FLV_CONNECTOR_INVALID naming key and value
   */
  validate(config: Uint8Array): Promise<Uint8Array>;
  /** Where the cluster's secrets come from whenever a connector starts. */
  useSecrets(lookup: SecretLookup): void;
  /**
   * Starts or, when something changed, restarts or pauses a connector. Returns at once; progress comes by `onStatus`.
   */
  apply(name: string, config: Uint8Array, options?: ApplyOptions): void;
  /** Resolves when the changes of a connector that were asked for are made. */
  settled(name: string): Promise<void>;
  /** Stops a connector and starts it again, also one that failed, as if it had never failed. */
  restart(name: string): void;
  /** A connector that does not run begins as if it never had: sinks where their file says. */
  forget(name: string): Promise<void>;
  /** Stops a connector and removes its log. */
  remove(name: string): Promise<void>;
  status(name: string): ConnectorStatus | undefined;
  /** Counters of all connectors, in order of the names. */
  counters(): readonly ConnectorCounters[];
  /** Names of the connectors that take this secret from the cluster. */
  usersOfSecret(name: string): readonly string[];
  /**
   * Running connectors that use the stored SmartModule `name` (its key in the metadata; their files may name it
   * `group/name@version`) go on with the code that is stored now.
   */
  smartModuleSwitched?(name: string): Promise<ModuleSwitch>;
  onStatus(listener: (name: string, status: ConnectorStatus) => void): void;
  /** The log from `fromByte` on; with `follow` it goes on until `signal` aborts. @throws FLV_CONNECTOR_NOT_FOUND */
  readLog(name: string, options: { fromByte: number; follow: boolean; signal: AbortSignal }): AsyncIterable<Uint8Array>;
}
