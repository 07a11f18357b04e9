import type { SmartEngine } from "../smartengine/index.ts";
import type { TlsOptions, Transport } from "../transport/index.ts";
import type { ClusterConfig, FluvioConfig } from "./config.ts";

/** What the client needs from where it runs. */
export interface Platform {
  readonly connect: Transport["connect"];
  readConfig(path: string | undefined): Promise<FluvioConfig>;
  tlsOptionsOf(cluster: ClusterConfig): Promise<TlsOptions>;
  /** Runs SmartModules in this process. */
  smartEngine(): Promise<SmartEngine>;
  /** Lets a signal of ours have any number of listeners, where the runtime warns of more than a few. */
  manyListeners(signal: AbortSignal): void;
  /** Tells the developer about a mistake in the use of the client. */
  warn(sentence: string): void;
}
