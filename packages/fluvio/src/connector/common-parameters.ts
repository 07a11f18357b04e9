import type { ConnectorConfig, ParameterValue } from "./config.ts";
import { parseDuration } from "./durations.ts";
import { canonicalKey, problem } from "./problem.ts";

/** Options that every connector takes besides its own, by canonical key, with what they mean. */
export const COMMON_PARAMETERS: ReadonlyMap<string, string> = new Map([
  ["filter", "filter SmartModule, by path or by name"],
  ["map", "map SmartModule, by path or by name"],
  ["arraymap", "array-map SmartModule, by path or by name"],
  ["array-map", "array-map SmartModule, by path or by name"],
  ["filter-map", "filter-map SmartModule, by path or by name"],
  ["aggregate", "aggregate SmartModule, by path or by name"],
  ["aggregate-initial-value", "first accumulator; `use-last` takes the topic's last record"],
  ["smartmodule", "SmartModule of any kind, by path or by name"],
  ["smart-module", "SmartModule of any kind, by path or by name"],
  ["smartmodule-parameters", "parameters of the SmartModules, `key:value`"],
  ["fluvio-partition", "partition a sink reads"],
  ["consumer-partition", "partition a sink reads"],
  ["rust-log", "log level: error, warn, info, debug"],
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
  /** `path` only for steps written as parameters, when such a file exists. */
  readonly mayBePath: boolean;
  readonly params: Readonly<Record<string, string>>;
  readonly lookback?: { readonly last: number; readonly ageMs?: number };
  /** Text of `aggregate-initial-value`. */
  readonly aggregateInitial?: string;
}

/** The chain of a connector: modules named by parameters in the order of the file, then `transforms`. */
export function moduleReferences(config: ConnectorConfig, file: string): readonly ModuleReference[] {
  const params = moduleParameters(config, file);
  const initial = parameter(config, "aggregate-initial-value");
  const initialText = initial === undefined ? undefined : oneText(initial, "aggregate-initial-value", file);
  if (
    initialText !== undefined &&
    parameter(config, "aggregate") === undefined &&
    parameter(config, "smartmodule") === undefined
  ) {
    throw problem(
      { file },
      "`parameters.aggregate-initial-value` is given without `aggregate`",
      "Name the SmartModule: `aggregate: NAME`",
    );
  }
  const named: ModuleReference[] = [];
  for (const [key, value] of Object.entries(config.parameters)) {
    if (!isModuleParameter(key)) continue;
    const canonical = canonicalKey(key);
    const aggregates = canonical === "aggregate" || canonical === "smartmodule" || canonical === "smart-module";
    named.push({
      uses: oneText(value, key, file),
      mayBePath: true,
      params,
      ...(aggregates && initialText !== undefined ? { aggregateInitial: initialText } : {}),
    });
  }
  const listed = config.transforms.map((step): ModuleReference => {
    const age = step.lookback?.age;
    return {
      uses: step.uses,
      mayBePath: false,
      params: step.with,
      ...(step.lookback === undefined
        ? {}
        : { lookback: { last: step.lookback.last, ...(age === undefined ? {} : { ageMs: parseDuration(age) }) } }),
    };
  });
  return [...named, ...listed];
}

function parameter(config: ConnectorConfig, name: string): ParameterValue | undefined {
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
