/**
 * What the supervisor gives the cluster. The cluster declares the same for itself, so that neither layer imports the
 * other; the compiler compares the two where a cluster process is put together.
 */

export type ConnectorResolution = "initializing" | "invalid" | "pending" | "running" | "failed" | "stopped";

export interface ConnectorStatus {
  readonly resolution: ConnectorResolution;
  /** Why it is not running; empty when it is. */
  readonly reason: string;
  readonly processId: number | undefined;
  readonly restarts: number;
}

export interface ConnectorSupervisor extends AsyncDisposable {
  /** @param config as stored, JSON in UTF-8. @throws FLV_CONNECTOR_INVALID naming key and value */
  validate(config: Uint8Array): Promise<void>;
  /** Starts or, when the configuration changed, restarts a connector. Returns at once. */
  apply(name: string, config: Uint8Array): void;
  /** Stops a connector and deletes its log. */
  remove(name: string): Promise<void>;
  status(name: string): ConnectorStatus | undefined;
  onStatus(listener: (name: string, status: ConnectorStatus) => void): void;
  /** The log from `fromByte` on; with `follow` it goes on until `signal` aborts. @throws FLV_CONNECTOR_NOT_FOUND */
  readLog(name: string, options: { fromByte: number; follow: boolean; signal: AbortSignal }): AsyncIterable<Uint8Array>;
}
