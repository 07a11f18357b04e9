import { formatDuration, parseDurationMs, parseSizeBytes } from "../../client/index.ts";
import { flvError } from "../../protocol/index.ts";
import type { ClusterOptions } from "../../server/index.ts";
import { type InputOf, type OptionTable, ValueError, value } from "../command.ts";
import type { Io } from "../io.ts";
import { checked, integer } from "../values.ts";

/** Environment variable of the original for the memory of one SmartModule, bytes. */
const MEMORY_VARIABLE = "FLV_SMART_ENGINE_MAX_MEMORY_BYTES";
/** A module has one page of memory at least, and with less than this not even a small one can work. */
const MEMORY_BYTES_MIN = 1024 * 1024;
const MEMORY_BYTES_MAX = 4 * 1024 * 1024 * 1024;

/** What SmartModules may take in this cluster, as its settings keep it; what is absent is as the engine has it. */
export interface EngineSettings {
  readonly smartmodule_time_limit_ms?: number | undefined;
  readonly smartmodule_memory_limit_bytes?: number | undefined;
  readonly smartmodule_output_limit_bytes?: number | undefined;
  readonly smartmodule_chains_max?: number | undefined;
}

/** Keys of {@link EngineSettings}, all numbers from 1 on. */
export const ENGINE_SETTINGS = [
  "smartmodule_time_limit_ms",
  "smartmodule_memory_limit_bytes",
  "smartmodule_output_limit_bytes",
  "smartmodule_chains_max",
] as const;

function timeLimit(given: string): number {
  const timeMs = checked(parseDurationMs)(given);
  if (timeMs < 1) throw new ValueError(given, "shorter than 1ms");
  return timeMs;
}

function memoryLimit(given: string): number {
  const sizeBytes = checked(parseSizeBytes)(given);
  if (sizeBytes >= MEMORY_BYTES_MIN && sizeBytes <= MEMORY_BYTES_MAX) return sizeBytes;
  throw new ValueError(given, "it must be from 1 MiB to 4 GiB, which is all that WebAssembly can address");
}

function outputLimit(given: string): number {
  const sizeBytes = checked(parseSizeBytes)(given);
  if (sizeBytes < 1) throw new ValueError(given, "it must be 1 byte at least");
  return sizeBytes;
}

/** Limits of SmartModules, for `start` and `run`. */
export const engineOptions = {
  smartmoduleTimeLimit: value({
    long: "smartmodule-time-limit",
    value: "TIME",
    summary: "Longest time that a SmartModule may work on one batch (5s)",
    parse: timeLimit,
  }),
  smartmoduleMemoryLimit: value({
    long: "smartmodule-memory-limit",
    aliases: ["smart-engine-max-memory"],
    value: "SIZE",
    summary: `Largest memory of one SmartModule (1 GiB); also ${MEMORY_VARIABLE}`,
    parse: memoryLimit,
  }),
  smartmoduleOutputLimit: value({
    long: "smartmodule-output-limit",
    value: "SIZE",
    summary: "Largest output that a SmartModule may make of one batch (256 MiB)",
    parse: outputLimit,
  }),
  smartmoduleChainsMax: value({
    long: "smartmodule-chains-max",
    value: "N",
    summary: "Chains of SmartModules that may run at the same time on one SPU (256)",
    parse: integer(1, 100_000),
  }),
} satisfies OptionTable;

type Given = InputOf<Record<never, never>, typeof engineOptions>;

/** What was given on the command line or in the environment on top of what `base` says. @throws FLV_ARGUMENT */
export function engineSettings(base: EngineSettings, given: Given, io: Io): EngineSettings {
  const memory = given.smartmoduleMemoryLimit ?? memoryFromEnvironment(io);
  const settings: Record<(typeof ENGINE_SETTINGS)[number], number | undefined> = {
    smartmodule_time_limit_ms: given.smartmoduleTimeLimit ?? base.smartmodule_time_limit_ms,
    smartmodule_memory_limit_bytes: memory ?? base.smartmodule_memory_limit_bytes,
    smartmodule_output_limit_bytes: given.smartmoduleOutputLimit ?? base.smartmodule_output_limit_bytes,
    smartmodule_chains_max: given.smartmoduleChainsMax ?? base.smartmodule_chains_max,
  };
  return Object.fromEntries(Object.entries(settings).filter(([, limit]) => limit !== undefined));
}

function memoryFromEnvironment({ env }: Io): number | undefined {
  const given = env[MEMORY_VARIABLE];
  if (given === undefined || given === "") return undefined;
  try {
    return memoryLimit(given);
  } catch (error) {
    if (!(error instanceof ValueError)) throw error;
    throw flvError("FLV_ARGUMENT", `${MEMORY_VARIABLE} is "${given}": ${error.message}`, { details: { given } });
  }
}

/** The options that give these settings. */
export function engineArguments(settings: EngineSettings): readonly string[] {
  const {
    smartmodule_time_limit_ms: timeMs,
    smartmodule_memory_limit_bytes: memoryBytes,
    smartmodule_output_limit_bytes: outputBytes,
    smartmodule_chains_max: chainsMax,
  } = settings;
  return [
    ...(timeMs === undefined ? [] : ["--smartmodule-time-limit", formatDuration(timeMs)]),
    ...(memoryBytes === undefined ? [] : ["--smartmodule-memory-limit", String(memoryBytes)]),
    ...(outputBytes === undefined ? [] : ["--smartmodule-output-limit", String(outputBytes)]),
    ...(chainsMax === undefined ? [] : ["--smartmodule-chains-max", String(chainsMax)]),
  ];
}

/** The limits as the cluster takes them. */
export function engineLimits(settings: EngineSettings): Pick<ClusterOptions, "engineLimits" | "smartModuleChainsMax"> {
  const {
    smartmodule_time_limit_ms: batchTimeoutMs,
    smartmodule_memory_limit_bytes: memoryBytesMax,
    smartmodule_output_limit_bytes: outputBytesMax,
    smartmodule_chains_max: chainsMax,
  } = settings;
  return {
    engineLimits: {
      ...(batchTimeoutMs === undefined ? {} : { batchTimeoutMs }),
      ...(memoryBytesMax === undefined ? {} : { memoryBytesMax }),
      ...(outputBytesMax === undefined ? {} : { outputBytesMax }),
    },
    ...(chainsMax === undefined ? {} : { smartModuleChainsMax: chainsMax }),
  };
}
