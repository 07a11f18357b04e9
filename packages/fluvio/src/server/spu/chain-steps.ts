import {
  type DecodedStepOptions,
  durationToMs,
  flvError,
  type SmartModuleInvocation,
  stepOptionsFromParams,
} from "../../protocol/index.ts";
import type { ChainStep, Lookback } from "../../smartengine/index.ts";
import { type ModuleCache, unpackModule } from "./module-cache.ts";

/** A step of a request, before its code is there. */
export interface PlannedStep {
  readonly invocation: SmartModuleInvocation;
  readonly options: DecodedStepOptions;
}

/** A step with its code. */
export interface LoadedStep {
  readonly step: ChainStep;
  /** Key of the stored module that the code is from; absent for a module that came with the request. */
  readonly storedName?: string;
}

/** Name in errors of a module that came with the request and has no label. */
const AD_HOC_NAME = "ad-hoc";

/** Takes the options of each step out of its parameters. @throws FLV_ARGUMENT naming the parameter */
export function planSteps(invocations: readonly SmartModuleInvocation[]): readonly PlannedStep[] {
  return invocations.map((invocation) => ({ invocation, options: stepOptionsFromParams(invocation.params) }));
}

/** The name in errors and metrics. */
export function stepName({ invocation: { name, wasm } }: PlannedStep): string {
  return name ?? (wasm.type === "predefined" ? wasm.name : AD_HOC_NAME);
}

/** The name that the step asks the cluster for; `undefined` for a module that came with the request. */
export function requestedName({ invocation: { wasm } }: PlannedStep): string | undefined {
  return wasm.type === "predefined" ? wasm.name : undefined;
}

/**
 * A chain that lives for one request has no place for windows and no use for a state.
 * @throws FLV_ARGUMENT naming the option
 */
export function refuseStreamOptions(plan: readonly PlannedStep[]): void {
  for (const planned of plan) {
    const { window, stateName } = planned.options;
    const option = window !== undefined ? "a window" : stateName !== undefined ? "a state" : undefined;
    if (option === undefined) continue;
    throw flvError("FLV_ARGUMENT", `SmartModule ${stepName(planned)} cannot have ${option} where records are written`, {
      details: { module: stepName(planned) },
      hint: "its chain lives for one request only: apply the aggregate where the records are consumed",
    });
  }
}

/** The state that the chain of a stream keeps; one name for all of it. @throws FLV_ARGUMENT for several names */
export function stateNameOf(plan: readonly PlannedStep[]): string | undefined {
  const names = new Set(plan.flatMap(({ options: { stateName } }) => (stateName === undefined ? [] : [stateName])));
  if (names.size <= 1) return [...names][0];
  throw flvError("FLV_ARGUMENT", `One chain keeps one state, and ${[...names].join(", ")} are given`, {
    details: { names: [...names] },
    hint: "give the aggregates of one chain the same state name: each has its own accumulator in it",
  });
}

/** A step that is to keep a state and is of a kind that has none. */
export function noStateToKeep(planned: PlannedStep): Error {
  return flvError("FLV_ARGUMENT", `SmartModule ${stepName(planned)} has no state to keep: it is no aggregate`, {
    details: { module: stepName(planned), state: planned.options.stateName },
    hint: "name a state only with an aggregate",
  });
}

/** @throws FLV_SMARTMODULE_NOT_FOUND | FLV_SMARTMODULE_INVALID | what the link to the SC throws */
export async function loadStep(planned: PlannedStep, modules: ModuleCache, bytesMax: number): Promise<LoadedStep> {
  const { invocation, options } = planned;
  const { wasm: source, kind, lookback } = invocation;
  const name = stepName(planned);
  const { params, window, limits } = options;
  const accumulator = accumulatorOf(kind);
  const rest = {
    name,
    params,
    ...(lookback === undefined ? {} : { lookback: lookbackOf(lookback) }),
    ...(accumulator === undefined ? {} : { accumulator }),
    ...(window === undefined ? {} : { window }),
    ...(limits === undefined ? {} : { limits }),
  };
  if (source.type === "adHoc") return { step: { ...rest, wasm: await unpackModule(name, source.payload, bytesMax) } };
  const module = await modules.module(source.name);
  return { step: { ...rest, wasm: module.wasm }, storedName: module.name };
}

function accumulatorOf(kind: SmartModuleInvocation["kind"]): Uint8Array | undefined {
  if (kind.type === "aggregate") return kind.accumulator;
  if (kind.type === "generic" && kind.context.type === "aggregate") return kind.context.accumulator;
  return undefined;
}

function lookbackOf(lookback: NonNullable<SmartModuleInvocation["lookback"]>): Lookback {
  if (lookback.age === undefined) return { last: lookback.last };
  return { last: lookback.last, ageMs: durationToMs(lookback.age) };
}
