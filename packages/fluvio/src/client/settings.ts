import { CLIENT_ID_DEFAULT, flvError, type Logger, silentLogger } from "../protocol/index.ts";
import type { TlsOptions } from "../transport/index.ts";
import { chooseCluster } from "./config.ts";
import type { Platform } from "./platform.ts";
import type { FluvioOptions, RetryPolicy } from "./types.ts";

const CONNECT_TIMEOUT_MS_DEFAULT = 10_000;
const REQUEST_TIMEOUT_MS_DEFAULT = 60_000;
const METADATA_TIMEOUT_MS_DEFAULT = 60_000;

/** Options with every default filled in. */
export interface Settings {
  readonly host: string;
  readonly port: number;
  readonly tls: TlsOptions;
  readonly clientId: string;
  readonly useSpuLocalAddress: boolean;
  readonly connectTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly metadataTimeoutMs: number;
  readonly maxFrameBytes: number | undefined;
  /** For producers and consumers that have none of their own. */
  readonly retry: Partial<RetryPolicy>;
  readonly logger: Logger;
}

/** Options, completed by the profile unless they name an address. @throws FLV_CONFIG | FLV_PROFILE_NOT_FOUND | FLV_ARGUMENT */
export async function resolveSettings(options: FluvioOptions, platform: Platform): Promise<Settings> {
  const common = {
    connectTimeoutMs: options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS_DEFAULT,
    requestTimeoutMs: options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS_DEFAULT,
    metadataTimeoutMs: options.metadataTimeoutMs ?? METADATA_TIMEOUT_MS_DEFAULT,
    maxFrameBytes: options.maxFrameBytes,
    retry: options.retry ?? {},
    logger: options.logger ?? silentLogger,
  };
  if (options.address !== undefined) {
    if (options.profile !== undefined) {
      throw flvError("FLV_ARGUMENT", "cluster addr is not valid when profile is used", {
        details: { address: options.address, profile: options.profile },
        hint: "give either an address or a profile",
      });
    }
    return {
      ...common,
      ...parseAddress(options.address),
      tls: options.tls ?? { policy: "disabled" },
      clientId: options.clientId ?? CLIENT_ID_DEFAULT,
      useSpuLocalAddress: options.useSpuLocalAddress ?? false,
    };
  }
  const config = await platform.readConfig(options.configPath);
  const { cluster } = chooseCluster(config, options.profile);
  return {
    ...common,
    ...parseAddress(cluster.endpoint),
    tls: options.tls ?? (await platform.tlsOptionsOf(cluster)),
    clientId: options.clientId ?? CLIENT_ID_DEFAULT,
    useSpuLocalAddress: options.useSpuLocalAddress ?? cluster.use_spu_local_address ?? false,
  };
}

/** `host:port`; an IPv6 address stands in brackets. @throws FLV_ARGUMENT */
export function parseAddress(address: string): { readonly host: string; readonly port: number } {
  const parts = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(address.trim());
  const port = Number(parts?.[3]);
  const host = parts?.[1] ?? parts?.[2];
  if (host === undefined || port > 65535) {
    throw flvError("FLV_ARGUMENT", `"${address}" is no address of a cluster`, {
      details: { address },
      hint: "write host:port, such as 127.0.0.1:9003",
    });
  }
  return { host, port };
}
