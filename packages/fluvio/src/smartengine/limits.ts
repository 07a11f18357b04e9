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

const STEP_PARAMETERS: Readonly<Record<keyof EngineLimits, string>> = {
  batchTimeoutMs: " (parameter fluvio.time-limit)",
  memoryBytesMax: " (parameter fluvio.memory-limit)",
  outputBytesMax: " (parameter fluvio.output-limit)",
  windowsMax: "",
};

/** Where a limit is set, for the end of a hint. */
export function howToRaise(limit: keyof EngineLimits): string {
  return `${limit} of the step${STEP_PARAMETERS[limit]} if it sets one, else ${limit} of the cluster's SmartModule engine`;
}
