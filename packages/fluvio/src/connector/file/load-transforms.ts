import { isStateName, STATE_NAME_HINT } from "../../protocol/index.ts";
import type { TransformStep } from "./config.ts";
import { type ProblemPlace, problem } from "./problem.ts";
import { type Found, fullPath, measured, required, section } from "./section.ts";
import { mapOf, plain, type YamlEntry, type YamlValue } from "./yaml-source.ts";

/** Keys of a step of `transforms`. */
export const STEP_KEYS = ["uses", "with", "lookback", "window", "limits", "state"];

/** The `transforms` list: a chain of SmartModules. */
export function transformSteps(entry: Found, place: ProblemPlace): readonly TransformStep[] {
  if (entry === undefined) return [];
  if (entry.value.kind !== "list") {
    throw problem({ ...place, line: entry.line }, "`transforms` is not a list", "Write `- uses: SMARTMODULE` below it");
  }
  return entry.value.items.map((item, index) => transformStep(item, `transforms[${index}]`, place));
}

function transformStep(item: YamlValue, path: string, place: ProblemPlace): TransformStep {
  const keys = section(mapOf(item, path, place), path, STEP_KEYS, place);
  const uses = required(keys, "uses", { ...place, line: item.line });
  const withEntry = keys.get("with");
  const params = withEntry === undefined ? [] : mapOf(withEntry.value, `${path}.with`, place).entries;
  const lookback = keys.get("lookback");
  const window = keys.get("window");
  const limits = keys.get("limits");
  const state = keys.text("state");
  if (state !== undefined && !isStateName(state)) {
    const sentence = `\`${path}.state\` ${JSON.stringify(state)} is not a valid name`;
    throw problem({ ...place, line: keys.get("state")?.line }, sentence, STATE_NAME_HINT);
  }
  return {
    uses,
    with: Object.fromEntries(params.map((one) => [one.key, moduleParameter(one.value)])),
    ...(lookback === undefined ? {} : { lookback: lookbackOf(lookback, `${path}.lookback`, place) }),
    ...(window === undefined ? {} : { window: windowOf(window, `${path}.window`, place) }),
    ...(limits === undefined ? {} : { limits: limitsOf(limits, `${path}.limits`, place) }),
    ...(state === undefined ? {} : { state }),
  };
}

/** Lists and maps reach a module as JSON text. */
export function moduleParameter(value: YamlValue): string {
  return value.kind === "text" ? value.text : JSON.stringify(plain(value));
}

function lookbackOf(entry: YamlEntry, path: string, place: ProblemPlace): NonNullable<TransformStep["lookback"]> {
  const keys = section(mapOf(entry.value, path, place), path, ["last", "age"], place);
  const last = keys.text("last") ?? "0";
  if (!/^\d+$/.test(last)) {
    throw problem(
      { ...place, line: entry.line },
      `\`${path}.last\` ${JSON.stringify(last)} is not a number`,
      "Write `last: 10`",
    );
  }
  const age = measured(keys, "age", "duration", place);
  return { last: Number(last), ...(age === undefined ? {} : { age }) };
}

/** `window: 10s`, or a map. */
function windowOf(entry: YamlEntry, path: string, place: ProblemPlace): NonNullable<TransformStep["window"]> {
  if (entry.value.kind === "text") {
    const keys = section({ kind: "map", line: entry.line, entries: [entry] }, "", ["window"], place);
    const size = measured(keys, "window", "duration", place);
    if (size !== undefined) return { size };
  }
  const keys = section(mapOf(entry.value, path, place), path, ["size", "slide", "grace"], place);
  const size = measured(keys, "size", "duration", place);
  const slide = measured(keys, "slide", "duration", place);
  const grace = measured(keys, "grace", "duration", place);
  if (size === undefined) {
    const at = { ...place, line: entry.line };
    throw problem(at, `missing field \`${fullPath(path, "size")}\``, "Write `window: { size: 10s }`", { key: path });
  }
  return { size, ...(slide === undefined ? {} : { slide }), ...(grace === undefined ? {} : { grace }) };
}

function limitsOf(entry: YamlEntry, path: string, place: ProblemPlace): NonNullable<TransformStep["limits"]> {
  const keys = section(mapOf(entry.value, path, place), path, ["time", "memory", "output"], place);
  const time = measured(keys, "time", "duration", place);
  const memory = measured(keys, "memory", "size", place);
  const output = measured(keys, "output", "size", place);
  return {
    ...(time === undefined ? {} : { time }),
    ...(memory === undefined ? {} : { memory }),
    ...(output === undefined ? {} : { output }),
  };
}
