import type { EngineLimits } from "./types.ts";

export const ENGINE_LIMITS_DEFAULT: EngineLimits = {
  batchTimeoutMs: 5000,
  memoryBytesMax: 1 << 30,
  outputBytesMax: 256 << 20,
  windowsMax: 10_000,
};

/** The limits that hold for a step: its own where they are lower. */
export function lowered(engine: EngineLimits, step: Partial<EngineLimits> | undefined): EngineLimits {
  if (step === undefined) return engine;
  const lower = (field: keyof EngineLimits) => Math.min(engine[field], step[field] ?? Number.POSITIVE_INFINITY);
  return {
    batchTimeoutMs: lower("batchTimeoutMs"),
    memoryBytesMax: lower("memoryBytesMax"),
    outputBytesMax: lower("outputBytesMax"),
    windowsMax: lower("windowsMax"),
  };
}

/** Where users set a limit: of a step, of the cluster. */
const SETTINGS: Readonly<Record<Exclude<keyof EngineLimits, "windowsMax">, readonly [step: string, cluster: string]>> =
  {
    batchTimeoutMs: ["limits.time", "--smartmodule-time-limit"],
    memoryBytesMax: ["limits.memory", "--smartmodule-memory-limit"],
    outputBytesMax: ["limits.output", "--smartmodule-output-limit"],
  };

/** Where a limit is set, for the end of a hint. */
export function howToRaise(limit: keyof typeof SETTINGS): string {
  const [step, cluster] = SETTINGS[limit];
  return `\`${step}\` of the step where that is lower, else the cluster's: \`fluvio cluster shutdown\`, then \`fluvio cluster start ${cluster} …\``;
}
