import { isFluvioError } from "../../protocol/index.ts";
import type { ProbeResult } from "../messages.ts";
import type { EngineLimits } from "../types.ts";
import { ABI_VERSION, ABI_VERSION_OLD, encodeParams } from "./abi.ts";
import { ModuleInstance, type ModuleTraits } from "./instance.ts";

const EMPTY_SECTION = new Uint8Array(4);
const SENTINEL = new TextEncoder().encode("fluvio-probe");
const PROBE_TIMESTAMP_MS = 1_700_000_000_000;
const NO_PARAMS = new Map<string, string>();
const ignore = () => {};

/**
 * Finds out how to speak to a module by calling its transform with no records, which runs no user code: old modules
 * misread the newer layout and fail, or give back a wrong accumulator. Each version is tried on an instance of its own.
 */
export function probeModule(name: string, module: WebAssembly.Module, limits: EngineLimits): ProbeResult {
  const instantiate = (traits: ModuleTraits) => new ModuleInstance(name, module, { limits, traits, onOutput: ignore });
  for (const abiVersion of [ABI_VERSION, ABI_VERSION_OLD]) {
    const instance = instantiate({ abiVersion, freesOutput: false });
    if (speaks(instance, abiVersion)) {
      return { kind: instance.kind, traits: { abiVersion, freesOutput: freesOutput(instance, abiVersion) } };
    }
  }
  // neither works without records: let its errors show with real ones
  const traits = { abiVersion: ABI_VERSION, freesOutput: false };
  return { kind: instantiate(traits).kind, traits };
}

function callEmpty(instance: ModuleInstance, abiVersion: number) {
  const input = { records: EMPTY_SECTION, baseOffset: 0, baseTimestampMs: PROBE_TIMESTAMP_MS };
  return instance.transform(input, encodeParams(NO_PARAMS, undefined, abiVersion), SENTINEL);
}

function speaks(instance: ModuleInstance, abiVersion: number): boolean {
  try {
    const output = callEmpty(instance, abiVersion);
    return output.accumulator === undefined || Buffer.compare(output.accumulator, SENTINEL) === 0;
  } catch (error) {
    if (isFluvioError(error)) return false;
    throw error;
  }
}

/** A module that keeps one output buffer must not have it freed: two calls must give two blocks. */
function freesOutput(instance: ModuleInstance, abiVersion: number): boolean {
  try {
    const first = instance.outputAddress;
    callEmpty(instance, abiVersion);
    return first !== instance.outputAddress && instance.probeAllocator();
  } catch (error) {
    if (isFluvioError(error)) return false;
    throw error;
  }
}
