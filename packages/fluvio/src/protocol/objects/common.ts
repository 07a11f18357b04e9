import { type Codec, enumeration, map, optional, string, struct, u32, u64 } from "../schema.ts";

/** A time span: whole seconds and the rest. */
export const Duration = struct({ seconds: u64, nanoseconds: u32 });
export interface Duration {
  readonly seconds: number;
  readonly nanoseconds: number;
}

export function durationFromMs(ms: number): Duration {
  const seconds = Math.floor(ms / 1000);
  const nanoseconds = Math.round((ms - seconds * 1000) * 1e6);
  // rounding may fill the second
  return nanoseconds < 1e9 ? { seconds, nanoseconds } : { seconds: seconds + 1, nanoseconds: 0 };
}

export function durationToMs(duration: Duration): number {
  return duration.seconds * 1000 + duration.nanoseconds / 1e6;
}

/** Compression of a topic. The numbers differ from those of a batch's attributes. */
export const CompressionType = enumeration("CompressionAlgorithm", "none", "gzip", "snappy", "lz4", "any", "zstd");
export type CompressionType = "none" | "gzip" | "snappy" | "lz4" | "any" | "zstd";

/** Deduplication of a topic: a filter SmartModule that looks back on `count` records or `age`. */
export const Deduplication = struct({
  count: u64,
  age: optional(Duration),
  uses: string,
  with: map(string, string),
});

/** A named object of the SC: its name, what was asked for, and what is. */
export function metadata<S, SI, T, TI>(spec: Codec<S, SI>, status: Codec<T, TI>) {
  return struct({ name: string, spec, status });
}
