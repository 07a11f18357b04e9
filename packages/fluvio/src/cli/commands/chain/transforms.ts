import { parseDurationMs, parseSizeBytes, type SmartModuleStep } from "../../../client/index.ts";
import {
  flvError,
  isFluvioError,
  isStateName,
  MEMORY_LIMIT_BYTES_MIN,
  STATE_NAME_HINT,
} from "../../../protocol/index.ts";
import { parseYamlText, readUserFile } from "../../files.ts";
import type { Io } from "../../io.ts";
import { nearest } from "../../suggest.ts";

/**
 * Reads a transforms file (YAML): the chain of its steps. Keys that it does not know are ignored, as they have always been,
 * but for those that are one it knows, misspelt: they would change what is computed, without a word. @throws FLV_ARGUMENT
 */
export async function readTransformsFile(io: Io, path: string): Promise<readonly SmartModuleStep[]> {
  const prefix = "Invalid argument: unable to process `transforms` argument";
  try {
    const parsed = await parseYamlText(new TextDecoder().decode(await readUserFile(io, path)), path);
    if (!isRecord(parsed) || !Array.isArray(parsed.transforms)) {
      throw flvError("FLV_ARGUMENT", `${path}: missing field \`transforms\``);
    }
    return parsed.transforms.map((step: unknown, index) => parseStep(step, `transforms[${index}]`));
  } catch (error) {
    throw argumentError(prefix, error);
  }
}

/** Parses one step given as JSON on the command line. @throws FLV_ARGUMENT */
export function parseTransformsLine(line: string): SmartModuleStep {
  try {
    return parseStep(JSON.parse(line), "transform");
  } catch (error) {
    throw argumentError("Invalid argument: unable to parse `transform` argument", error);
  }
}

function argumentError(prefix: string, error: unknown) {
  const reason = error instanceof Error ? error.message : String(error);
  return flvError("FLV_ARGUMENT", `${prefix}: ${reason}`, {
    cause: error,
    ...(isFluvioError(error) ? { details: error.details } : {}),
    hint: 'A step is written { "uses": "name", "with": { "key": "value" }, "lookback": { "last": 10, "age": "1h" }, "window": { "size": "10s" }, "state": "name" }.',
  });
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const STEP_KEYS = ["uses", "with", "lookback", "window", "limits", "state"];

function refuseSlips(given: Readonly<Record<string, unknown>>, keys: readonly string[], where: string): void {
  for (const key of Object.keys(given)) {
    const meant = keys.includes(key) ? undefined : nearest(key, keys);
    if (meant === undefined) continue;
    throw flvError("FLV_ARGUMENT", `${where}: unknown field \`${key}\`, did you mean \`${meant}\`?`);
  }
}

function parseStep(step: unknown, where: string): SmartModuleStep {
  if (!isRecord(step)) throw flvError("FLV_ARGUMENT", `${where}: a map was expected`);
  refuseSlips(step, STEP_KEYS, where);
  if (typeof step.uses !== "string" || step.uses === "") {
    throw flvError("FLV_ARGUMENT", `${where}: missing field \`uses\``);
  }
  return {
    name: step.uses,
    ...(step.with === undefined || step.with === null ? {} : { params: parseParams(step.with, `${where}.with`) }),
    ...(step.lookback === undefined || step.lookback === null
      ? {}
      : { lookback: parseLookback(step.lookback, `${where}.lookback`) }),
    ...parseStepOptions(step, where),
  };
}

/** Text stays as it is; lists and maps reach the module as JSON text. */
function parseParams(given: unknown, where: string): Record<string, string> {
  if (!isRecord(given)) throw flvError("FLV_ARGUMENT", `${where}: a map was expected`);
  return Object.fromEntries(
    Object.entries(given).map(([key, param]) => [key, typeof param === "string" ? param : JSON.stringify(param)]),
  );
}

/** Keys of ours: `window: { size, slide, grace }` or `window: size`, `limits: { time, memory, output }`, `state`. */
function parseStepOptions(
  step: Readonly<Record<string, unknown>>,
  where: string,
): Pick<SmartModuleStep, "window" | "limits" | "state"> {
  const { window, limits, state } = step;
  const isGiven = (given: unknown) => given !== undefined && given !== null;
  if (isGiven(state) && (typeof state !== "string" || state === "")) {
    throw flvError("FLV_ARGUMENT", `${where}.state: a name was expected`);
  }
  if (typeof state === "string" && !isStateName(state)) {
    const sentence = `${where}.state: ${JSON.stringify(state)} is not a valid name`;
    throw flvError("FLV_ARGUMENT", sentence, { details: { state }, hint: STATE_NAME_HINT });
  }
  return {
    ...(isGiven(window) ? { window: parseWindow(window, `${where}.window`) } : {}),
    ...(isGiven(limits) ? { limits: parseLimits(limits, `${where}.limits`) } : {}),
    ...(isGiven(state) ? { state: state as string } : {}),
  };
}

function parseWindow(given: unknown, where: string): NonNullable<SmartModuleStep["window"]> {
  const fields = typeof given === "string" ? { size: given } : mapOf(given, ["size", "slide", "grace"], where);
  const { size, slide, grace } = fields as Readonly<Record<string, unknown>>;
  if (size === undefined) throw flvError("FLV_ARGUMENT", `${where}: missing field \`size\``);
  const sizeMs = durationMs(size, `${where}.size`, 1);
  const slideMs = slide === undefined ? undefined : durationMs(slide, `${where}.slide`, 1);
  if (slideMs !== undefined && slideMs > sizeMs) {
    throw flvError("FLV_ARGUMENT", `${where}.slide: ${String(slide)} is longer than the size of ${String(size)}`);
  }
  return {
    sizeMs,
    ...(slideMs === undefined ? {} : { slideMs }),
    ...(grace === undefined ? {} : { graceMs: durationMs(grace, `${where}.grace`, 0) }),
  };
}

function parseLimits(given: unknown, where: string): NonNullable<SmartModuleStep["limits"]> {
  const { time, memory, output } = mapOf(given, ["time", "memory", "output"], where);
  return {
    ...(time === undefined ? {} : { batchTimeoutMs: durationMs(time, `${where}.time`, 1) }),
    ...(memory === undefined ? {} : { memoryBytesMax: sizeBytes(memory, `${where}.memory`, MEMORY_LIMIT_BYTES_MIN) }),
    ...(output === undefined ? {} : { outputBytesMax: sizeBytes(output, `${where}.output`, 1) }),
  };
}

/** A key that is misspelt would change what is computed, without a word. */
function mapOf(given: unknown, keys: readonly string[], where: string): Readonly<Record<string, unknown>> {
  if (!isRecord(given)) throw flvError("FLV_ARGUMENT", `${where}: a map was expected`);
  const unknown = Object.keys(given).find((key) => !keys.includes(key));
  if (unknown === undefined) return given;
  throw flvError("FLV_ARGUMENT", `${where}: unknown field \`${unknown}\`, expected one of ${keys.join(", ")}`);
}

function durationMs(given: unknown, where: string, minMs: number): number {
  if (typeof given !== "string") throw flvError("FLV_ARGUMENT", `${where}: a duration was expected, such as 10s`);
  const timeMs = located(where, () => parseDurationMs(given));
  if (Number.isSafeInteger(timeMs) && timeMs >= minMs) return timeMs;
  throw flvError("FLV_ARGUMENT", `${where}: ${given} is not possible, whole milliseconds from ${minMs}ms on are`);
}

function sizeBytes(given: unknown, where: string, minBytes: number): number {
  if (typeof given !== "string" && !(typeof given === "number" && Number.isInteger(given) && given > 0)) {
    throw flvError("FLV_ARGUMENT", `${where}: a size was expected, such as 64MiB`);
  }
  const bytes = typeof given === "number" ? given : located(where, () => parseSizeBytes(given));
  if (bytes >= minBytes) return bytes;
  throw flvError("FLV_ARGUMENT", `${where}: ${given} is too little, ${minBytes} bytes are the least`);
}

/** Says where in the file the text is that cannot be read. */
function located<T>(where: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!isFluvioError(error)) throw error;
    throw flvError("FLV_ARGUMENT", `${where}: ${error.message}`, { details: error.details, cause: error });
  }
}

function parseLookback(given: unknown, where: string): { last: number; ageMs?: number } {
  if (!isRecord(given)) throw flvError("FLV_ARGUMENT", `${where}: a map was expected`);
  refuseSlips(given, ["last", "age"], where);
  const last = given.last ?? 0;
  if (typeof last !== "number" || !Number.isInteger(last) || last < 0) {
    throw flvError("FLV_ARGUMENT", `${where}.last: a whole number was expected`);
  }
  if (given.age === undefined || given.age === null) return { last };
  if (typeof given.age !== "string") throw flvError("FLV_ARGUMENT", `${where}.age: a duration was expected`);
  return { last, ageMs: parseDurationMs(given.age) };
}
