import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { TlsConfig } from "../../client/index.ts";
import { flvError } from "../../protocol/index.ts";
import type { ClusterOptions } from "../../server/index.ts";
import { flag, type InputOf, type Option, value } from "../command.ts";
import type { Io } from "../io.ts";
import { nonEmpty } from "../values.ts";

/** Certificates of a local cluster and of the profile for it; paths of PEM files. */
export interface TlsFiles {
  /** Name in the server's certificate, which has `*.DOMAIN` too: an SPU is reached as `NAME.DOMAIN`. */
  readonly domain: string;
  readonly ca_cert: string;
  readonly client_cert: string;
  readonly client_key: string;
  readonly server_cert: string;
  readonly server_key: string;
}

const part = (long: string, name: string, summary: string): Option<string | undefined> =>
  value({ long, value: name, summary, parse: nonEmpty, requires: ["tls"] });

/** Options of `start` and `run`; all of them, or none. */
export const tlsOptions = {
  tls: flag({ long: "tls", summary: "Only TLS with client certificates; needs the six options below, and is kept" }),
  tlsOff: flag({ long: "tls-off", summary: "Without TLS, where the last start had it", conflicts: ["tls"] }),
  domain: part("domain", "NAME", "Name in the certificate of the server"),
  caCert: part("ca-cert", "PATH", "CA of all certificates (PEM)"),
  clientCert: part("client-cert", "PATH", "Certificate for the profile (PEM)"),
  clientKey: part("client-key", "PATH", "Key of the client certificate (PEM)"),
  serverCert: part("server-cert", "PATH", "Certificate of the cluster (PEM)"),
  serverKey: part("server-key", "PATH", "Key of the server certificate (PEM)"),
};

/** @throws FLV_ARGUMENT when some of the six are missing */
export function tlsFiles(
  given: InputOf<Record<never, never>, typeof tlsOptions>,
  base: TlsFiles | undefined,
  io: Io,
): TlsFiles | undefined {
  if (!given.tls) return given.tlsOff ? undefined : base;
  const { domain, caCert, clientCert, clientKey, serverCert, serverKey } = given;
  const all = { domain, caCert, clientCert, clientKey, serverCert, serverKey };
  const missing = Object.entries(all).flatMap(([key, text]) =>
    text === undefined ? [`--${tlsOptions[key as keyof typeof all].long}`] : [],
  );
  if (missing.length > 0) {
    throw flvError("FLV_ARGUMENT", `Missing required args after --tls: ${missing.join(", ")}`);
  }
  const path = (text: string | undefined) => resolve(io.cwd, text ?? "");
  return {
    domain: domain ?? "",
    ca_cert: path(caCert),
    client_cert: path(clientCert),
    client_key: path(clientKey),
    server_cert: path(serverCert),
    server_key: path(serverKey),
  };
}

/** The same options for another process. */
export function tlsArguments(files: TlsFiles | undefined): readonly string[] {
  if (files === undefined) return ["--tls-off"];
  return [
    ["--tls"],
    ["--domain", files.domain],
    ["--ca-cert", files.ca_cert],
    ["--client-cert", files.client_cert],
    ["--client-key", files.client_key],
    ["--server-cert", files.server_cert],
    ["--server-key", files.server_key],
  ].flat();
}

/** How a profile reaches the cluster. */
export function profileTls(files: TlsFiles | undefined): TlsConfig {
  if (files === undefined) return { tls_policy: "disabled" };
  const { domain, client_key: key, client_cert: cert, ca_cert } = files;
  return { tls_policy: "verified", tls_source: "files", certs: { domain, key, cert, ca_cert } };
}

/** What the server needs of the files. @throws FLV_FILE */
export async function serverTls(files: TlsFiles): Promise<NonNullable<ClusterOptions["tls"]>> {
  const [cert, key, caCert] = await Promise.all([files.server_cert, files.server_key, files.ca_cert].map(readPem));
  return { cert: cert ?? "", key: key ?? "", caCert: caCert ?? "", requireClientCert: true };
}

async function readPem(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw flvError("FLV_FILE", `cannot read the certificate file ${path}: ${(cause as Error).message}`, {
      hint: "give the paths again to `fluvio cluster start --tls …`, or start with --tls-off",
      details: { path },
      cause,
    });
  }
}

const KEYS = ["domain", "ca_cert", "client_cert", "client_key", "server_cert", "server_key"] as const;

/** Whether kept settings hold all that TLS needs. */
export function isTlsFiles(value: unknown): value is TlsFiles {
  return (
    typeof value === "object" &&
    value !== null &&
    KEYS.every((key) => typeof (value as Readonly<Record<string, unknown>>)[key] === "string")
  );
}
