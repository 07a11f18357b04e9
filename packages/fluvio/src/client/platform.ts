import type { TlsOptions, Transport } from "../transport/index.ts";
import type { ClusterConfig, FluvioConfig } from "./config.ts";

/** What the client needs from where it runs. */
export interface Platform {
  readonly connect: Transport["connect"];
  readConfig(path: string | undefined): Promise<FluvioConfig>;
  tlsOptionsOf(cluster: ClusterConfig): Promise<TlsOptions>;
}
