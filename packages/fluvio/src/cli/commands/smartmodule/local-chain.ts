import type { SmartModuleStep } from "../../../client/index.ts";
import { flvError } from "../../../protocol/index.ts";
import type { ChainStep } from "../../../smartengine/index.ts";
import { type InputOf, type Option, type OptionTable, value } from "../../command.ts";
import type { Io } from "../../io.ts";
import { nonEmpty } from "../../values.ts";
import { readWasmFile, smartmoduleOptions, smartmoduleSteps, stepRest } from "../chain/options.ts";
import { windowOptions, windowSettings } from "../chain/window.ts";
import { buildHere } from "./build.ts";

const MODULES = ["smartmodule", "smartmodulePath", "transforms", "transformsLine"];

/** Which modules run in this process; without any of these, the project's of the current folder. */
export const localChainOptions = {
  wasmFile: value({
    long: "wasm-file",
    value: "path",
    summary: "A built module; without it and without names, the project of this folder is built",
    parse: nonEmpty,
    conflicts: MODULES,
  }),
  ...smartmoduleOptions,
  params: forProjects(smartmoduleOptions.params),
  aggregateInitial: forProjects(smartmoduleOptions.aggregateInitial),
  ...windowOptions,
  window: { ...forProjects(windowOptions.window), conflicts: ["transforms", "transformsLine"] },
} satisfies OptionTable;

/** Without a module on the line it is meant for the project's. */
function forProjects<T>({ requires: _, ...option }: Option<T>): Option<T> {
  return option;
}

type LocalChainInput = InputOf<Record<never, never>, typeof localChainOptions> & {
  /** A stored module. */
  readonly name: string | undefined;
};

/** Whether the line names modules itself, so that no project is needed. */
export function namesModules(input: LocalChainInput): boolean {
  return (
    input.name !== undefined ||
    input.wasmFile !== undefined ||
    input.smartmodule !== undefined ||
    input.smartmodulePath !== undefined ||
    input.transforms !== undefined ||
    input.transformsLine.length > 0
  );
}

/**
 * The chain that the line names, with the code of its modules: files are read, stored modules fetched, a project built.
 * @throws FLV_ARGUMENT when there is no module and no project | FLV_SMARTMODULE_BUILD | FLV_SMARTMODULE_NOT_FOUND
 */
export async function localChain(input: LocalChainInput, io: Io): Promise<readonly ChainStep[]> {
  const steps = await namedSteps(input, io);
  return await Promise.all(steps.map((step, index) => engineStep(step, index, io)));
}

async function namedSteps(input: LocalChainInput, io: Io): Promise<readonly SmartModuleStep[]> {
  const rest = { ...stepRest(input.params, input.aggregateInitial), ...windowSettings(input) };
  if (input.wasmFile !== undefined) {
    return [{ name: input.wasmFile, wasm: await readWasmFile(io, input.wasmFile), ...rest }];
  }
  if (input.name !== undefined) return [{ name: input.name, ...rest }];
  if (namesModules(input)) {
    const steps = await smartmoduleSteps(input, io);
    return steps.map((step) => ({ ...step, ...windowSettings(input) }));
  }
  const { project, built } = await buildHere(io, io.cwd);
  return [{ name: project.metadata.package.name, wasm: built.wasm, ...rest }];
}

/** A step with the code of its module: fetched from the cluster where it is not there. @throws FLV_SMARTMODULE_NOT_FOUND */
export async function engineStep(step: SmartModuleStep, index: number, io: Io): Promise<ChainStep> {
  const { stepOptionsFromParams } = await import("../../../smartengine/index.ts");
  const { name = `smartmodule-${index}`, lookback, aggregateInitial: initial } = step;
  const wasm = step.wasm ?? (await (await io.connect()).admin().downloadSmartModule(name, { signal: io.signal }));
  const options = stepOptionsFromParams(new Map(Object.entries(step.params ?? {})));
  const { window = options.window } = step;
  if ((step.state ?? options.stateName) !== undefined) throw noState(name);
  return {
    name,
    wasm,
    params: options.params,
    limits: { ...options.limits, ...step.limits },
    ...(window === undefined
      ? {}
      : { window: { ...window, slideMs: window.slideMs ?? window.sizeMs, graceMs: window.graceMs ?? 0 } }),
    ...(lookback === undefined ? {} : { lookback }),
    ...(initial === undefined
      ? {}
      : { accumulator: typeof initial === "string" ? Buffer.from(initial) : new Uint8Array(initial) }),
  };
}

function noState(name: string) {
  return flvError("FLV_ARGUMENT", `SmartModule ${name} keeps no state here: only the cluster does`, {
    details: { name },
    hint: "Leave the state out, or consume with it.",
  });
}
