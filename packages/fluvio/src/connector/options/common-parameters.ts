import { parseSizeBytes } from "../../client/index.ts";
import { type StepLimits, type StepOptions, stepOptionsFromParams } from "../../protocol/index.ts";
import type { ConnectorConfig, ParameterValue, TransformStep } from "../file/config.ts";
import { parseDuration } from "../file/durations.ts";
import { canonicalKey, problem } from "../file/problem.ts";

/** What is known of an option that every connector takes besides its own. */
export interface CommonParameter {
  readonly doc: string;
  /** Without it both sources and sinks take it. */
  readonly only?: "sink";
}

/** Options that every connector takes besides its own, by canonical key. */
export const COMMON_PARAMETERS: ReadonlyMap<string, CommonParameter> = new Map<string, CommonParameter>([
  ["filter", { doc: "filter SmartModule, by path or by name" }],
  ["map", { doc: "map SmartModule, by path or by name" }],
  ["arraymap", { doc: "array-map SmartModule, by path or by name" }],
  ["array-map", { doc: "array-map SmartModule, by path or by name" }],
  ["filter-map", { doc: "filter-map SmartModule, by path or by name" }],
  ["aggregate", { doc: "aggregate SmartModule, by path or by name" }],
  ["aggregate-initial-value", { doc: "first accumulator; in a source `use-last` takes the topic's last record" }],
  ["smartmodule", { doc: "SmartModule of any kind, by path or by name" }],
  ["smart-module", { doc: "SmartModule of any kind, by path or by name" }],
  ["smartmodule-parameters", { doc: "parameters of the SmartModules, a map or a list of `key:value`" }],
  ["fluvio-partition", { doc: "partition a sink reads; the `consumer` section can say more" }],
  ["consumer-partition", { doc: "partition a sink reads; the `consumer` section can say more" }],
  ["rust-log", { doc: "log level: error, warn, info, debug" }],
  [
    "on-error",
    { doc: "what becomes of a record that cannot be delivered: retry (only sinks), dead-letter, skip, stop" },
  ],
  ["dead-letter-topic", { doc: "topic for records that cannot be delivered, default `NAME-dead-letter`" }],
  ["retry", { doc: "`{ initial-delay, max-delay, attempts }` of writes that fail", only: "sink" }],
]);

const MODULE_PARAMETERS = [
  "filter",
  "map",
  "arraymap",
  "array-map",
  "filter-map",
  "aggregate",
  "smartmodule",
  "smart-module",
];

/** Whether an option names a SmartModule, by path or by name. */
export function isModuleParameter(key: string): boolean {
  return MODULE_PARAMETERS.includes(canonicalKey(key));
}

/** A SmartModule that a connector applies, not yet loaded. */
export interface ModuleReference {
  /** Registered name, or path of a wasm file. */
  readonly uses: string;
  /** Whether a file of that path, if there is one, is meant. */
  readonly mayBePath: boolean;
  readonly params: Readonly<Record<string, string>>;
  readonly lookback?: { readonly last: number; readonly ageMs?: number };
  /** Text of `aggregate-initial-value`. */
  readonly aggregateInitial?: string;
  readonly window?: NonNullable<StepOptions["window"]>;
  readonly limits?: StepLimits;
  readonly state?: string;
}

/** `aggregate-initial-value` that means the last record of the topic. */
export const USE_LAST = "use-last";

/**
 * The chain of a connector: modules named by parameters in the order of the file, then `transforms`.
 * @throws FLV_CONNECTOR_INVALID
 */
export function moduleReferences(
  config: ConnectorConfig,
  direction: "source" | "sink",
  file: string,
): readonly ModuleReference[] {
  const params = moduleParameters(config, file);
  const initial = parameter(config, "aggregate-initial-value");
  const initialText = initial === undefined ? undefined : oneText(initial, "aggregate-initial-value", file);
  const named: ModuleReference[] = [];
  for (const [key, value] of Object.entries(config.parameters)) {
    if (!isModuleParameter(key)) continue;
    const takesInitial = INITIAL_TAKERS.includes(canonicalKey(key));
    named.push({
      uses: oneText(value, key, file),
      mayBePath: true,
      params,
      ...(takesInitial && initialText !== undefined ? { aggregateInitial: initialText } : {}),
    });
  }
  if (initialText !== undefined) checkInitial(initialText, named, direction, file);
  const listed = config.transforms.map((step, index) => listedModule(step, index, direction, file));
  const references = [...named, ...listed];
  for (const reference of references) checkReserved(reference, direction, file);
  return references;
}

/** Options of the engine may also stand among the parameters of a module, as `fluvio.window` and the like. */
function checkReserved({ uses, params }: ModuleReference, direction: "source" | "sink", file: string): void {
  let options: ReturnType<typeof stepOptionsFromParams>;
  try {
    options = stepOptionsFromParams(new Map(Object.entries(params)));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw problem({ file }, `the parameters of SmartModule ${uses} are not valid: ${reason}`, "Correct the parameter");
  }
  if (direction === "sink" || (options.window === undefined && options.stateName === undefined)) return;
  const sentence = `windows and kept states of SmartModule ${uses} belong to sinks`;
  throw problem({ file }, sentence, "Remove them, and apply them where the topic is read");
}

const INITIAL_TAKERS = ["aggregate", "smartmodule", "smart-module"];

function checkInitial(
  text: string,
  named: readonly ModuleReference[],
  direction: "source" | "sink",
  file: string,
): void {
  const key = "parameters.aggregate-initial-value";
  if (!named.some(({ aggregateInitial }) => aggregateInitial !== undefined)) {
    throw problem({ file }, `\`${key}\` is given without \`aggregate\``, "Name the SmartModule: `aggregate: NAME`", {
      key,
    });
  }
  if (text === USE_LAST && direction === "sink") {
    const sentence = `\`${key}: ${USE_LAST}\` belongs to sources: what a sink's aggregate makes is not in the topic`;
    const hint = "Keep the accumulator in the cluster: write the aggregate below `transforms` with `state: NAME`";
    throw problem({ file }, sentence, hint, { key, value: text });
  }
}

function listedModule(step: TransformStep, index: number, direction: "source" | "sink", file: string): ModuleReference {
  const age = step.lookback?.age;
  for (const key of ["window", "state"] as const) {
    if (direction === "sink" || step[key] === undefined) continue;
    const sentence = `\`transforms[${index}].${key}\` belongs to sinks: a source keeps nothing from one batch to the next run`;
    throw problem({ file }, sentence, `Remove it, and apply it where the topic is read`, { key: "transforms" });
  }
  return {
    uses: step.uses,
    mayBePath: step.uses.endsWith(".wasm"),
    params: step.with,
    ...(step.lookback === undefined
      ? {}
      : { lookback: { last: step.lookback.last, ...(age === undefined ? {} : { ageMs: parseDuration(age) }) } }),
    ...(step.window === undefined ? {} : { window: windowOf(step.window) }),
    ...(step.limits === undefined ? {} : { limits: limitsOf(step.limits) }),
    ...(step.state === undefined ? {} : { state: step.state }),
  };
}

function windowOf({
  size,
  slide,
  grace,
}: NonNullable<TransformStep["window"]>): NonNullable<ModuleReference["window"]> {
  return {
    sizeMs: parseDuration(size),
    ...(slide === undefined ? {} : { slideMs: parseDuration(slide) }),
    ...(grace === undefined ? {} : { graceMs: parseDuration(grace) }),
  };
}

function limitsOf({
  time,
  memory,
  output,
}: NonNullable<TransformStep["limits"]>): NonNullable<ModuleReference["limits"]> {
  return {
    ...(time === undefined ? {} : { batchTimeoutMs: parseDuration(time) }),
    ...(memory === undefined ? {} : { memoryBytesMax: parseSizeBytes(memory) }),
    ...(output === undefined ? {} : { outputBytesMax: parseSizeBytes(output) }),
  };
}

/**
 * Whether a step that asks for `uses` (`name`, `group/name`, `group/name@version`) means the module that the cluster keeps
 * under `key`: a plain name, or `name-group-version`.
 */
export function meansModule(uses: string, key: string): boolean {
  if (uses === key) return true;
  const [, group = "", name = "", version] = /^(?:([^/@]*)\/)?([^/@]+)(?:@(.*))?$/.exec(uses) ?? [];
  const start = `${name}-${group}-`;
  return version === undefined ? group !== "" && key.startsWith(start) : key === `${start}${version}`;
}

/** A parameter by its canonical key. */
export function parameter(config: ConnectorConfig, name: string): ParameterValue | undefined {
  return Object.entries(config.parameters).find(([key]) => canonicalKey(key) === name)?.[1];
}

function oneText(value: ParameterValue, key: string, file: string): string {
  if (typeof value === "string" && value !== "") return value;
  throw problem({ file }, `\`parameters.${key}\` is not one text`, `Write \`${key}: VALUE\``, {
    key: `parameters.${key}`,
  });
}

function moduleParameters(config: ConnectorConfig, file: string): Readonly<Record<string, string>> {
  const given = parameter(config, "smartmodule-parameters");
  if (given === undefined) return {};
  if (typeof given === "object" && !Array.isArray(given)) {
    return Object.fromEntries(
      Object.entries(given).map(([key, value]) => [key, typeof value === "string" ? value : JSON.stringify(value)]),
    );
  }
  const lines = typeof given === "string" ? [given] : (given as readonly ParameterValue[]);
  const pairs = lines.map((line): [string, string] => {
    const colon = typeof line === "string" ? line.indexOf(":") : -1;
    if (typeof line !== "string" || colon <= 0) {
      const sentence = `\`parameters.smartmodule-parameters\` has ${JSON.stringify(line)}, which is not \`key:value\``;
      throw problem({ file }, sentence, "Write a map, or a list of `key:value`");
    }
    return [line.slice(0, colon).trim(), line.slice(colon + 1).trim()];
  });
  return Object.fromEntries(pairs);
}

const LOG_LEVELS = ["error", "warn", "info", "debug"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/**
 * The level of a connector's log: its `rust-log`, else `RUST_LOG`, else info. Of a filter such as
 * `info,fluvio=debug` the part that stands alone counts.
 */
export function logLevel(config: ConnectorConfig, environment: string | undefined): LogLevel {
  const own = parameter(config, "rust-log");
  const filter = typeof own === "string" ? own : (environment ?? "");
  const alone = filter
    .split(",")
    .map((part) => part.trim().toLowerCase())
    .find((part) => !part.includes("="));
  if (alone === "trace") return "debug";
  return LOG_LEVELS.find((level) => level === alone) ?? "info";
}
