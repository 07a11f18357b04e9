import type { CertsConfig, ClusterConfig, FluvioConfig, ProfileConfig, TlsConfig } from "./config.ts";

// By hand and not by a schema library: every command reads this file first, and loading one took longer than the rest.

/** The value found at `key` is not what belongs there. */
export class ConfigMismatch extends Error {
  constructor(key: string, expected: string) {
    super(`${key === "" ? "" : `${key}: `}${expected}`);
  }
}

type Table = Readonly<Record<string, unknown>>;

/** The parsed TOML as a configuration; keys that are not known stay. @throws ConfigMismatch */
export function checkConfig(value: unknown): FluvioConfig {
  const root = table(value, "");
  optionalText(root, "current_profile", "");
  optionalText(root, "client_id", "");
  return {
    ...root,
    version: text(root, "version", ""),
    profile: each(root, "profile", profileConfig),
    cluster: each(root, "cluster", clusterConfig),
  };
}

function profileConfig(value: unknown, at: string): ProfileConfig {
  const profile = table(value, at);
  return { ...profile, cluster: text(profile, "cluster", at) };
}

function clusterConfig(value: unknown, at: string): ClusterConfig {
  // `addr` is the word of configuration files of version 1.0.
  const { addr: _, endpoint: __, ...rest } = table(value, at);
  const endpoint = optionalText(table(value, at), "endpoint", at) ?? optionalText(table(value, at), "addr", at);
  if (endpoint === undefined) throw new ConfigMismatch(at, "missing field `endpoint`");
  const { use_spu_local_address: local, tls, metadata } = rest;
  if (local !== undefined && typeof local !== "boolean") {
    throw new ConfigMismatch(`${at}.use_spu_local_address`, "expected true or false");
  }
  if (metadata !== undefined) table(metadata, `${at}.metadata`);
  return { ...rest, endpoint, ...(tls === undefined ? {} : { tls: tlsConfig(tls, `${at}.tls`) }) } as ClusterConfig;
}

function tlsConfig(value: unknown, at: string): TlsConfig {
  const tls = table(value, at);
  const policy = text(tls, "tls_policy", at);
  switch (policy) {
    case "disabled":
    case "disable":
    case "anonymous":
      return { ...tls, tls_policy: policy };
    case "verified":
    case "verify":
      return {
        ...tls,
        tls_policy: policy,
        tls_source: tlsSource(tls, at),
        certs: certsConfig(tls.certs, `${at}.certs`),
      };
    default:
      throw new ConfigMismatch(
        `${at}.tls_policy`,
        `unknown policy "${policy}", expected disabled, anonymous or verified`,
      );
  }
}

function tlsSource(tls: Table, at: string): "inline" | "files" | "file" {
  const source = optionalText(tls, "tls_source", at) ?? "inline";
  if (source === "inline" || source === "files" || source === "file") return source;
  throw new ConfigMismatch(`${at}.tls_source`, `unknown source "${source}", expected inline or files`);
}

function certsConfig(value: unknown, at: string): CertsConfig {
  const certs = table(value, at);
  return {
    ...certs,
    domain: text(certs, "domain", at),
    key: text(certs, "key", at),
    cert: text(certs, "cert", at),
    ca_cert: text(certs, "ca_cert", at),
  };
}

function table(value: unknown, at: string): Table {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Table;
  throw new ConfigMismatch(at, "expected a table");
}

function each<T>(parent: Table, key: string, check: (value: unknown, at: string) => T): Readonly<Record<string, T>> {
  const entries = Object.entries(table(parent[key], key));
  return Object.fromEntries(entries.map(([name, value]) => [name, check(value, `${key}.${name}`)]));
}

function text(parent: Table, key: string, at: string): string {
  const found = optionalText(parent, key, at);
  if (found === undefined) throw new ConfigMismatch(at, `missing field \`${key}\``);
  return found;
}

function optionalText(parent: Table, key: string, at: string): string | undefined {
  const value = parent[key];
  if (value === undefined || typeof value === "string") return value;
  throw new ConfigMismatch(at === "" ? key : `${at}.${key}`, "expected a text");
}
