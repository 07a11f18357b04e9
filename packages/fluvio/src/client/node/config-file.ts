import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { configPath } from "../../npm/index.ts";
import { flvError } from "../../protocol/index.ts";
import type { TlsOptions } from "../../transport/index.ts";
import { type ClusterConfig, type FluvioConfig, formatConfig, parseConfig } from "../config.ts";

const OWNER_ONLY = 0o600;

/** @throws FLV_CONFIG when there is none or it cannot be read */
export async function readConfigFile(path: string = configPath()): Promise<FluvioConfig> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    throw flvError("FLV_CONFIG", `Config error: config file "${path}": ${(cause as Error).message}`, {
      cause,
      details: { path, reason: (cause as NodeJS.ErrnoException).code },
      hint: "start a cluster with `fluvio cluster start`, or name one with `fluvio profile add NAME HOST:PORT`",
    });
  }
  return parseConfig(text, path);
}

/** Replaces the file as a whole, or not at all; creates its folder. Only the owner may read it: it can hold keys. */
export async function writeConfigFile(config: FluvioConfig, path: string = configPath()): Promise<void> {
  const temporary = `${path}.${process.pid}.new`;
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(temporary, formatConfig(config), { mode: OWNER_ONLY });
    await rename(temporary, path);
  } catch (cause) {
    throw flvError("FLV_FILE", `cannot write the config file ${path}: ${(cause as Error).message}`, {
      cause,
      details: { path },
      hint: "check that the folder exists and is yours, or set FLV_PROFILE_PATH",
    });
  }
}

/** TLS of a cluster, with its certificate files read. @throws FLV_FILE */
export async function tlsOptionsOf(cluster: ClusterConfig): Promise<TlsOptions> {
  const { tls } = cluster;
  switch (tls?.tls_policy) {
    case undefined:
    case "disable":
    case "disabled":
      return { policy: "disabled" };
    case "anonymous":
      return { policy: "anonymous" };
    case "verified":
    case "verify": {
      const { certs } = tls;
      const load = tls.tls_source === "inline" ? async (pem: string) => pem : readPem;
      const [caCert, cert, key] = await Promise.all([load(certs.ca_cert), load(certs.cert), load(certs.key)]);
      return { policy: "verified", domain: certs.domain, caCert, cert, key };
    }
  }
}

async function readPem(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw flvError("FLV_FILE", `cannot read the certificate file ${path}: ${(cause as Error).message}`, {
      cause,
      details: { path },
      hint: "correct the path in the profile",
    });
  }
}
