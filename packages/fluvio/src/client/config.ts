import { parse, stringify } from "smol-toml";
import { flvError } from "../protocol/index.ts";
import { ConfigMismatch, checkConfig } from "./config-check.ts";
import { nearestName } from "./suggest.ts";

/** The certificates of a profile: PEM texts or paths, as `tls_source` says. */
export interface CertsConfig {
  readonly domain: string;
  readonly key: string;
  readonly cert: string;
  readonly ca_cert: string;
  readonly [key: string]: unknown;
}

/** `cluster.<name>.tls` of the configuration file. */
export type TlsConfig =
  | { readonly tls_policy: "disabled" | "disable"; readonly [key: string]: unknown }
  | { readonly tls_policy: "anonymous"; readonly [key: string]: unknown }
  | {
      readonly tls_policy: "verified" | "verify";
      /** Default `inline`. */
      readonly tls_source?: "inline" | "files" | "file";
      readonly certs: CertsConfig;
      readonly [key: string]: unknown;
    };

/** `cluster.<name>` of the configuration file. */
export interface ClusterConfig {
  /** `host:port` of the SC. */
  readonly endpoint: string;
  readonly use_spu_local_address?: boolean | undefined;
  readonly tls?: TlsConfig | undefined;
  readonly metadata?: Readonly<Record<string, unknown>> | undefined;
  readonly [key: string]: unknown;
}

/** `profile.<name>` of the configuration file. */
export interface ProfileConfig {
  /** Name of a cluster of the file. */
  readonly cluster: string;
  readonly [key: string]: unknown;
}

/** The configuration file as parsed; keys are those of the file, and keys that are not known stay. */
export interface FluvioConfig {
  readonly version: string;
  readonly current_profile?: string | undefined;
  readonly client_id?: string | undefined;
  readonly profile: Readonly<Record<string, ProfileConfig>>;
  readonly cluster: Readonly<Record<string, ClusterConfig>>;
  readonly [key: string]: unknown;
}

/** The version that is written. */
export const CONFIG_VERSION = "2.0";

export function emptyConfig(): FluvioConfig {
  return { version: CONFIG_VERSION, profile: {}, cluster: {} };
}

/** @param path only for the error. @throws FLV_CONFIG */
export function parseConfig(text: string, path: string): FluvioConfig {
  let table: unknown;
  try {
    table = parse(text);
  } catch (cause) {
    throw deserializeError(path, (cause as Error).message, cause);
  }
  try {
    return checkConfig(table);
  } catch (error) {
    if (error instanceof ConfigMismatch) throw deserializeError(path, error.message, error);
    throw error;
  }
}

function deserializeError(path: string, reason: string, cause: unknown): Error {
  return flvError("FLV_CONFIG", `Failed to deserialize Fluvio config ${path}: ${reason}`, {
    cause,
    details: { path, reason },
    hint: "correct the file, or move it away and run `fluvio cluster start` or `fluvio profile add`",
  });
}

export function formatConfig(config: FluvioConfig): string {
  return stringify(config);
}

/** A cluster of the file, under the name of the profile that chose it. */
export interface ChosenCluster {
  readonly profile: string;
  readonly clusterName: string;
  readonly cluster: ClusterConfig;
}

/**
 * The cluster of a profile, by default of the active one.
 * @throws FLV_CONFIG (no active profile) | FLV_PROFILE_NOT_FOUND
 */
export function chooseCluster(config: FluvioConfig, profileName?: string): ChosenCluster {
  const profile = profileName ?? config.current_profile;
  if (profile === undefined || profile === "") {
    throw flvError("FLV_CONFIG", "Config error: Config has no active profile", {
      hint: profilesHint(config, "choose one with `fluvio profile switch NAME`"),
    });
  }
  const clusterName = ownValue(config.profile, profile)?.cluster;
  const cluster = clusterName === undefined ? undefined : ownValue(config.cluster, clusterName);
  if (clusterName === undefined || cluster === undefined) {
    const sentence =
      profileName === undefined
        ? `No cluster config for profile ${profile}`
        : `Cluster not found for profile ${profile}`;
    const nearest = nearestName(profile, Object.keys(config.profile));
    throw flvError("FLV_PROFILE_NOT_FOUND", sentence, {
      details: { profile, cluster: clusterName },
      hint:
        nearest === undefined
          ? profilesHint(config, "see them with `fluvio profile list`")
          : `did you mean "${nearest}"?`,
    });
  }
  return { profile, clusterName, cluster };
}

function profilesHint(config: FluvioConfig, otherwise: string): string {
  const names = Object.keys(config.profile);
  return names.length === 0
    ? "there are no profiles: start a cluster with `fluvio cluster start`, or add one with `fluvio profile add`"
    : `profiles are ${names.join(", ")}: ${otherwise}`;
}

function ownValue<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

/** The same file with this cluster and a profile of the same name that uses it, which becomes the active one. */
export function withCluster(config: FluvioConfig, name: string, cluster: ClusterConfig): FluvioConfig {
  const known = ownValue(config.cluster, name);
  return {
    ...config,
    current_profile: name,
    profile: { ...config.profile, [name]: { ...ownValue(config.profile, name), cluster: name } },
    cluster: { ...config.cluster, [name]: { ...known, ...cluster } },
  };
}

/** The same file with another active profile. @throws FLV_PROFILE_NOT_FOUND */
export function withActiveProfile(config: FluvioConfig, name: string): FluvioConfig {
  requireProfile(config, name);
  return { ...config, current_profile: name };
}

/** The same file without a profile; without an active one when it was that. @throws FLV_PROFILE_NOT_FOUND */
export function withoutProfile(config: FluvioConfig, name: string): FluvioConfig {
  requireProfile(config, name);
  const { [name]: _gone, ...profile } = config.profile;
  const next: FluvioConfig = { ...config, profile };
  if (config.current_profile !== name) return next;
  const { current_profile: _active, ...inactive } = next;
  return inactive as FluvioConfig;
}

/** The same file without a cluster; profiles that used it stay. @throws FLV_PROFILE_NOT_FOUND */
export function withoutCluster(config: FluvioConfig, name: string): FluvioConfig {
  if (!Object.hasOwn(config.cluster, name)) throw profileNotFound(config.cluster, name);
  const { [name]: _gone, ...cluster } = config.cluster;
  return { ...config, cluster };
}

/** The same file with a profile under another name. @throws FLV_PROFILE_NOT_FOUND */
export function withRenamedProfile(config: FluvioConfig, from: string, to: string): FluvioConfig {
  requireProfile(config, from);
  const profile = Object.fromEntries(
    Object.entries(config.profile).map(([name, value]) => [name === from ? to : name, value]),
  );
  return { ...config, profile, ...(config.current_profile === from ? { current_profile: to } : {}) };
}

function requireProfile(config: FluvioConfig, name: string): void {
  if (!Object.hasOwn(config.profile, name)) throw profileNotFound(config.profile, name);
}

function profileNotFound(table: Readonly<Record<string, unknown>>, name: string): Error {
  const nearest = nearestName(name, Object.keys(table));
  return flvError("FLV_PROFILE_NOT_FOUND", `profile ${name} not found`, {
    details: { profile: name },
    hint: nearest === undefined ? "see them with `fluvio profile list`" : `did you mean "${nearest}"?`,
  });
}
