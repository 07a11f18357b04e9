import { readFile } from "node:fs/promises";
import type { FluvioClient, FluvioOptions } from "../client/index.ts";
import { flvError, type Logger } from "../protocol/index.ts";
import type { TlsOptions } from "../transport/index.ts";
import type { GlobalOptions } from "./globals.ts";

interface Surroundings {
  readonly configPath: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  readonly logger: Logger;
}

/** Connects to what the global options name, else to the profile. @throws FLV_ARGUMENT and what connecting throws */
export async function connectTarget(globals: GlobalOptions, around: Surroundings): Promise<FluvioClient> {
  // Loaded here because most of what people type first (help, completions, profiles) needs no client.
  const { Fluvio } = await import("../client/index.ts");
  return await Fluvio.connect(await targetOptions(globals, around));
}

/** The cluster that the global options name. */
export type ClusterChoice = Pick<FluvioOptions, "address" | "profile" | "configPath" | "tls">;

/** The global options as client options. */
async function targetOptions(globals: GlobalOptions, around: Surroundings): Promise<FluvioOptions> {
  return {
    ...(await clusterChoice(globals, around.configPath)),
    clientId: around.env.FLUVIO_CLIENT_ID ?? "FLUVIO_CLI",
    signal: around.signal,
    logger: around.logger,
  };
}

/** Which cluster the global options name. @throws FLV_ARGUMENT when they contradict each other */
export async function clusterChoice(globals: GlobalOptions, configPath: string): Promise<ClusterChoice> {
  const { cluster, profile } = globals;
  const tls = globals.tls || globals.enableClientCert;
  if (cluster !== undefined && profile !== undefined) {
    throw flvError("FLV_ARGUMENT", "cluster addr is not valid when profile is used", {
      hint: "give either --cluster or --profile",
    });
  }
  if (profile !== undefined && tls) {
    throw flvError("FLV_ARGUMENT", "tls is not valid when profile is is used", {
      hint: "the profile says whether TLS is used; give --cluster HOST:PORT with --tls",
    });
  }
  if (tls && cluster === undefined) {
    throw flvError("FLV_ARGUMENT", "tls is only valid if cluster addr is used", { hint: "add --cluster HOST:PORT" });
  }
  return {
    configPath,
    ...(cluster === undefined ? {} : { address: cluster }),
    ...(profile === undefined ? {} : { profile }),
    ...(tls ? { tls: await tlsOptions(globals) } : {}),
  };
}

async function tlsOptions(globals: GlobalOptions): Promise<TlsOptions> {
  if (!globals.enableClientCert) return { policy: "anonymous" };
  const { domain, caCert, clientCert, clientKey } = globals;
  if (domain === undefined || caCert === undefined || clientCert === undefined || clientKey === undefined) {
    const given: readonly (readonly [string, string | undefined])[] = [
      ["--domain", domain],
      ["--ca-cert", caCert],
      ["--client-cert", clientCert],
      ["--client-key", clientKey],
    ];
    const missing = given.filter(([, path]) => path === undefined).map(([name]) => name);
    throw flvError("FLV_ARGUMENT", `Missing required args after --tls: ${missing.join(", ")}`);
  }
  const [ca, cert, key] = await Promise.all([readPem(caCert), readPem(clientCert), readPem(clientKey)]);
  return { policy: "verified", domain, caCert: ca, cert, key };
}

async function readPem(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw flvError("FLV_FILE", `cannot read ${path}: No such file or directory (os error 2)`, {
      details: { path },
      cause: error,
    });
  }
}
