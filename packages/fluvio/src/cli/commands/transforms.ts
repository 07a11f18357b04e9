import { parseDurationMs, type SmartModuleStep } from "../../client/index.ts";
import { flvError, isFluvioError } from "../../protocol/index.ts";
import { parseYamlText, readUserFile } from "../files.ts";
import type { Io } from "../io.ts";

/** Reads a transforms file (YAML): the chain of its steps. Keys that it does not know are ignored. @throws FLV_ARGUMENT */
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
    hint: 'A step is written { "uses": "name", "with": { "key": "value" }, "lookback": { "last": 10, "age": "1h" } }.',
  });
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function parseStep(step: unknown, where: string): SmartModuleStep {
  if (!isRecord(step)) throw flvError("FLV_ARGUMENT", `${where}: a map was expected`);
  if (typeof step.uses !== "string" || step.uses === "") {
    throw flvError("FLV_ARGUMENT", `${where}: missing field \`uses\``);
  }
  return {
    name: step.uses,
    ...(step.with === undefined || step.with === null ? {} : { params: parseParams(step.with, `${where}.with`) }),
    ...(step.lookback === undefined || step.lookback === null
      ? {}
      : { lookback: parseLookback(step.lookback, `${where}.lookback`) }),
  };
}

/** Text stays as it is; lists and maps reach the module as JSON text. */
function parseParams(given: unknown, where: string): Record<string, string> {
  if (!isRecord(given)) throw flvError("FLV_ARGUMENT", `${where}: a map was expected`);
  return Object.fromEntries(
    Object.entries(given).map(([key, param]) => [key, typeof param === "string" ? param : JSON.stringify(param)]),
  );
}

function parseLookback(given: unknown, where: string): { last: number; ageMs?: number } {
  if (!isRecord(given)) throw flvError("FLV_ARGUMENT", `${where}: a map was expected`);
  const last = given.last ?? 0;
  if (typeof last !== "number" || !Number.isInteger(last) || last < 0) {
    throw flvError("FLV_ARGUMENT", `${where}.last: a whole number was expected`);
  }
  if (given.age === undefined || given.age === null) return { last };
  if (typeof given.age !== "string") throw flvError("FLV_ARGUMENT", `${where}.age: a duration was expected`);
  return { last, ageMs: parseDurationMs(given.age) };
}
