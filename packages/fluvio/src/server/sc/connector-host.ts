import type { ModuleSwitch } from "../link.ts";

/** State of a managed connector as users see it. */
export type ConnectorResolution = "initializing" | "invalid" | "pending" | "running" | "failed" | "stopped";

export interface ConnectorStatus {
  readonly resolution: ConnectorResolution;
  /** Why it is not running; empty when it is. */
  readonly reason: string;
  readonly processId: number | undefined;
  readonly restarts: number;
}

/**
 * Runs managed connectors for the SC. The SC keeps their configuration and decides which exist; the host, given to it
 * where the cluster process is put together, knows how to check and run them.
 */
export interface ConnectorHost extends AsyncDisposable {
  /** @param config the normalised connector file, JSON in UTF-8. @throws FLV_CONNECTOR_INVALID naming key and value */
  validate(config: Uint8Array): Promise<void>;
  /** Starts or, when the configuration changed, restarts a connector. Returns at once; progress comes by `onStatus`. */
  apply(name: string, config: Uint8Array): void;
  /** Stops a connector; its log stays until `forget`. */
  remove(name: string): Promise<void>;
  status(name: string): ConnectorStatus | undefined;
  /**
   * Running connectors that use the stored SmartModule `name` (its key in the metadata; their files may name it
   * `group/name@version`) go on with the code that is stored now.
   */
  smartModuleSwitched?(name: string): Promise<ModuleSwitch>;
  onStatus(listener: (name: string, status: ConnectorStatus) => void): void;
  /** The log from `fromByte` on; with `follow` it goes on until `signal` aborts. @throws FLV_CONNECTOR_NOT_FOUND */
  readLog(name: string, options: { fromByte: number; follow: boolean; signal: AbortSignal }): AsyncIterable<Uint8Array>;
}
