import { assert } from "../../protocol/index.ts";

/** A value of a connector option after loading: text, or lists and maps of it. */
export type ParameterValue = string | readonly ParameterValue[] | { readonly [key: string]: ParameterValue };

/** One SmartModule of a `transforms` list. */
export interface TransformStep {
  readonly uses: string;
  /** Parameters; lists and maps reach the module as JSON text. */
  readonly with: Readonly<Record<string, string>>;
  readonly lookback?: { readonly last: number; readonly age?: string };
  /** Of an aggregate in a sink: durations of a window, of the step from one to the next, and of the wait for late records. */
  readonly window?: { readonly size: string; readonly slide?: string; readonly grace?: string };
  /** Lower than the engine's own. */
  readonly limits?: { readonly time?: string; readonly memory?: string; readonly output?: string };
  /** Of an aggregate in a sink: name under which the cluster keeps its accumulator. */
  readonly state?: string;
}

export const RUNTIMES = ["process", "container"] as const;

export const COMPRESSIONS = ["none", "gzip", "snappy", "lz4", "zstd"] as const;
type Compression = (typeof COMPRESSIONS)[number];
/** When the cluster acknowledges what a source sends: when the leader has it, or when it is committed. */
export const ISOLATIONS = ["read_uncommitted", "read_committed"] as const;

/**
 * A connector file in one form, whichever way it was written: this is what the cluster stores and shows. Durations
 * and sizes stay as they were written (and have been checked). It is itself a valid connector file.
 */
export interface ConnectorConfig {
  readonly name: string;
  /** As written, e.g. `http` or `http-source`. */
  readonly type: string;
  readonly topic: string;
  /** `latest` when the file has none. */
  readonly version: string;
  readonly direction?: "source" | "sink";
  /** How the cluster runs it. Default: a process. */
  readonly runtime?: (typeof RUNTIMES)[number];
  /** Of a container: its image. Default: the official one of the type. */
  readonly image?: string;
  /** Absent options take the cluster's defaults. */
  readonly "topic-options"?: {
    readonly partitions?: string;
    readonly replication?: string;
    readonly retention?: string;
    readonly "segment-size"?: string;
    readonly "max-partition-size"?: string;
    readonly compression?: string;
    /** Drops records that repeat one of the last ones. */
    readonly deduplication?: {
      readonly count: string;
      readonly age?: string;
      readonly uses: string;
      readonly with?: Readonly<Record<string, string>>;
    };
  };
  /** The connector's own options and the common ones, in the order of the file. */
  readonly parameters: Readonly<Record<string, ParameterValue>>;
  /** By name. A value that lives elsewhere (environment, hidden by the cluster) is {@link REDACTED}. */
  readonly secrets: Readonly<Record<string, string>>;
  readonly producer?: {
    readonly linger?: string;
    readonly "batch-size"?: string;
    readonly compression?: Compression;
    /** How long the cluster may take to commit a batch. */
    readonly timeout?: string;
    readonly isolation?: (typeof ISOLATIONS)[number];
  };
  /** What a sink reads. */
  readonly consumer?: {
    /** A number, several, or `all`. */
    readonly partition?: string | readonly string[];
    readonly "max-bytes"?: string;
    readonly id?: string;
    readonly offset?: {
      /** `beginning`, `end`, or one of the forms that count: `absolute`, `from-beginning`, `from-end`. */
      readonly start?: string | Readonly<Record<string, string>>;
      readonly strategy?: "none" | "manual" | "auto";
      readonly "flush-period"?: string;
    };
  };
  readonly transforms: readonly TransformStep[];
}

/** Stands for a secret's value wherever it is shown or written down. */
export const REDACTED = "[REDACTED]";

/** The configuration without the values of its secrets. */
export function redactSecrets(config: ConnectorConfig): ConnectorConfig {
  const hidden = Object.fromEntries(Object.keys(config.secrets).map((name) => [name, REDACTED]));
  return { ...config, secrets: hidden };
}

/** As stored by the cluster: JSON in UTF-8. */
export function encodeConfig(config: ConnectorConfig): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(config));
}

/** Inverse of {@link encodeConfig}. For bytes that this product wrote; files of users go through `loadConnectorFile`. */
export function decodeConfig(bytes: Uint8Array): ConnectorConfig {
  const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
  assert(
    typeof value === "object" && value !== null && "name" in value,
    "a stored connector configuration is an object",
  );
  return value as ConnectorConfig;
}
