import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import type { SmartModuleStep } from "../../../client/index.ts";
import { flvError, isWasm } from "../../../protocol/index.ts";
import type { ModuleInspection, SmartModuleKind } from "../../../smartengine/index.ts";
import { type InputOf, type OptionTable, value, values } from "../../command.ts";
import { readUserFile } from "../../files.ts";
import type { Io } from "../../io.ts";
import { checked, keyValue, nonEmpty, text } from "../../values.ts";
import { parseTransformsLine, readTransformsFile } from "./transforms.ts";

const MODULES = ["smartmodule", "smartmodulePath"];

/** SmartModules on the command line, shared by produce and consume. */
export const smartmoduleOptions = {
  smartmodule: value({
    long: "smartmodule",
    aliases: ["sm", "smart-module"],
    value: "name",
    summary: "Apply a SmartModule stored in the cluster",
    parse: nonEmpty,
    conflicts: ["smartmodulePath", "transforms", "transformsLine"],
  }),
  smartmodulePath: value({
    long: "smartmodule-path",
    aliases: ["sm_path"],
    value: "path",
    summary: "Apply a SmartModule from a wasm file",
    parse: nonEmpty,
    conflicts: ["transforms", "transformsLine"],
  }),
  aggregateInitial: value({
    long: "aggregate-initial",
    aliases: ["a-init"],
    value: "value",
    summary: "First accumulator of an aggregate",
    parse: text,
    requires: [...MODULES, "aggregate"],
  }),
  params: values({
    long: "params",
    short: "e",
    aliases: ["extra-params"],
    value: "key=value",
    summary: "Parameter of the SmartModule; may be repeated",
    parse: keyValue,
    requires: [...MODULES, "filter", "map", "filterMap", "arrayMap", "aggregate"],
  }),
  transforms: value({
    long: "transforms",
    short: "t",
    aliases: ["transforms-file"],
    value: "file",
    summary: "Apply the chain of SmartModules in a transforms file (YAML)",
    parse: nonEmpty,
    conflicts: ["transformsLine"],
  }),
  transformsLine: values({
    long: "transforms-line",
    aliases: ["transform"],
    value: "json",
    summary: "One step of a chain as JSON; may be repeated",
    parse: checked(parseTransformsLine),
  }),
} satisfies OptionTable;

type SmartModuleInput = InputOf<Record<never, never>, typeof smartmoduleOptions>;

/** The chain that the options name; empty when they name none. @throws FLV_ARGUMENT | FLV_FILE */
export async function smartmoduleSteps(input: SmartModuleInput, io: Io): Promise<readonly SmartModuleStep[]> {
  if (input.transforms !== undefined) return await readTransformsFile(io, input.transforms);
  if (input.transformsLine.length > 0) return input.transformsLine;
  const rest = stepRest(input.params, input.aggregateInitial);
  if (input.smartmodulePath !== undefined) return [{ ...(await moduleFile(io, input.smartmodulePath)), ...rest }];
  if (input.smartmodule !== undefined) return [{ name: input.smartmodule, ...rest }];
  return [];
}

/**
 * A step of the older options, whose value is a file where such a file exists, else the name of a stored module.
 * @throws FLV_SMARTMODULE_INVALID when the file cannot run, FLV_ARGUMENT when it is of another kind
 */
export async function pathOrName(io: Io, given: string, kind: SmartModuleKind): Promise<SmartModuleStep> {
  const isFile = await stat(resolve(io.cwd, given)).then(
    (found) => found.isFile(),
    () => false,
  );
  if (!isFile) return { name: given };
  const step = await moduleFile(io, given);
  const inspection = await inspectModule(given, step.wasm);
  if (inspection.kind !== kind) {
    throw flvError("FLV_ARGUMENT", `"${given}" is a SmartModule of the kind ${inspection.kind}, not ${kind}`, {
      details: { path: given, kind: inspection.kind },
      hint: `Use --${inspection.kind.replace("_", "-")}, or --smartmodule-path for any kind.`,
    });
  }
  return step;
}

/** What a module is, from its code. @throws FLV_SMARTMODULE_INVALID with the reason why it cannot run */
export async function inspectModule(name: string, wasm: Uint8Array): Promise<ModuleInspection> {
  // Loaded here because most commands run no module.
  const { createSmartEngine } = await import("../../../smartengine/index.ts");
  await using engine = createSmartEngine();
  return await engine.inspect(name, wasm);
}

export function stepRest(
  params: readonly (readonly [string, string])[],
  aggregateInitial: string | Uint8Array | undefined,
): Omit<SmartModuleStep, "name" | "wasm"> {
  return {
    ...(params.length === 0 ? {} : { params: Object.fromEntries(params) }),
    ...(aggregateInitial === undefined ? {} : { aggregateInitial }),
  };
}

async function moduleFile(io: Io, path: string): Promise<{ name: string; wasm: Uint8Array }> {
  return { name: path, wasm: await readWasmFile(io, path) };
}

/** Reads a wasm module. @throws FLV_FILE | FLV_SMARTMODULE_INVALID when it is something else */
export async function readWasmFile(io: Io, path: string): Promise<Uint8Array> {
  const wasm = await readUserFile(io, path);
  if (!isWasm(wasm)) {
    throw flvError("FLV_SMARTMODULE_INVALID", `"${path}" is not a WebAssembly module`, {
      details: { path, sizeBytes: wasm.length },
      hint: "Give the .wasm file that the build of the SmartModule wrote.",
    });
  }
  return wasm;
}
