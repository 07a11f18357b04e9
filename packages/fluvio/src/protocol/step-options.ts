import { flvError } from "./errors.ts";

/** How an aggregate is cut into windows by record timestamp. Windows start at multiples of the slide since 1970. */
export interface WindowOptions {
  readonly sizeMs: number;
  /** Distance between the starts of two windows: the size makes them tumble, less lets them overlap. */
  readonly slideMs: number;
  /** How long after its end, in record time, a window waits for records that come late. */
  readonly graceMs: number;
}

/** Limits that one step sets for itself; they can only lower those of the engine. */
export interface StepLimits {
  readonly batchTimeoutMs?: number;
  readonly memoryBytesMax?: number;
  readonly outputBytesMax?: number;
}

/** What a step of a chain asks of the engine, besides what it gives the module. */
export interface StepOptions {
  /** By default a window tumbles (the slide is its size) and has no grace period. */
  readonly window?: { readonly sizeMs: number; readonly slideMs?: number; readonly graceMs?: number };
  readonly limits?: StepLimits;
  /** Name under which the cluster keeps the state of the aggregate. */
  readonly stateName?: string;
}

/** The options of a step, and the parameters that are left for the module. */
export interface DecodedStepOptions {
  readonly params: ReadonlyMap<string, string>;
  readonly window?: WindowOptions;
  readonly limits?: StepLimits;
  readonly stateName?: string;
}

/** Least limit on memory: one page of WebAssembly, in bytes. */
export const MEMORY_LIMIT_BYTES_MIN = 65_536;

/** Parameters that begin like this are the engine's; a module never sees them. */
const RESERVED_PREFIX = "fluvio.";
const WINDOW = "fluvio.window";
const SLIDE = "fluvio.slide";
const GRACE = "fluvio.grace";
const TIME_LIMIT = "fluvio.time-limit";
const MEMORY_LIMIT = "fluvio.memory-limit";
const OUTPUT_LIMIT = "fluvio.output-limit";
const STATE = "fluvio.state";
const NAMES: readonly string[] = [WINDOW, SLIDE, GRACE, TIME_LIMIT, MEMORY_LIMIT, OUTPUT_LIMIT, STATE];

/**
 * Options of a step as parameters, the only place the wire has for them: numbers in decimal, times in ms.
 * @throws FLV_ARGUMENT for a value that {@link stepOptionsFromParams} would not take
 */
export function stepOptionsToParams(options: StepOptions): readonly (readonly [name: string, value: string])[] {
  const { window, limits, stateName } = options;
  const values: readonly (readonly [string, number | string | undefined])[] = [
    [WINDOW, window?.sizeMs],
    [SLIDE, window?.slideMs],
    [GRACE, window?.graceMs],
    [TIME_LIMIT, limits?.batchTimeoutMs],
    [MEMORY_LIMIT, limits?.memoryBytesMax],
    [OUTPUT_LIMIT, limits?.outputBytesMax],
    [STATE, stateName],
  ];
  const entries = values.flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)] as const]));
  stepOptionsFromParams(new Map(entries));
  return entries;
}

/**
 * Takes the options of a step out of its parameters.
 * @throws FLV_ARGUMENT naming the parameter and its value, also for a reserved name that is not known
 */
export function stepOptionsFromParams(params: ReadonlyMap<string, string>): DecodedStepOptions {
  const rest = new Map<string, string>();
  for (const [name, value] of params) {
    if (!name.startsWith(RESERVED_PREFIX)) rest.set(name, value);
    else if (!NAMES.includes(name)) throw unknownName(name, value);
  }
  const window = windowOf(params);
  const limits = limitsOf(params);
  const stateName = params.get(STATE);
  if (stateName !== undefined && !isStateName(stateName)) {
    throw badValue(STATE, stateName, "a state cannot have this name", STATE_NAME_HINT);
  }
  return {
    params: rest,
    ...(window === undefined ? {} : { window }),
    ...(limits === undefined ? {} : { limits }),
    ...(stateName === undefined ? {} : { stateName }),
  };
}

/** As for topics and stored modules. */
const STATE_NAME = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** Whether the kept state of an aggregate may be called this. */
export function isStateName(name: string): boolean {
  return STATE_NAME.test(name);
}

/** How a state may be called. */
export const STATE_NAME_HINT =
  "Use lowercase letters, digits and `-`, at most 63 of them, with a letter or digit first and last";

function windowOf(params: ReadonlyMap<string, string>): WindowOptions | undefined {
  const sizeMs = numberOf(params, WINDOW, 1);
  const slideMs = numberOf(params, SLIDE, 1);
  const graceMs = numberOf(params, GRACE, 0);
  if (sizeMs === undefined) {
    for (const name of [SLIDE, GRACE]) {
      const value = params.get(name);
      if (value !== undefined) throw badValue(name, value, `it means nothing without ${WINDOW}`);
    }
    return undefined;
  }
  if (slideMs !== undefined && slideMs > sizeMs) {
    throw badValue(SLIDE, String(slideMs), `windows of ${sizeMs} ms cannot start further apart than that`);
  }
  return { sizeMs, slideMs: slideMs ?? sizeMs, graceMs: graceMs ?? 0 };
}

function limitsOf(params: ReadonlyMap<string, string>): StepLimits | undefined {
  const batchTimeoutMs = numberOf(params, TIME_LIMIT, 1);
  const memoryBytesMax = numberOf(params, MEMORY_LIMIT, MEMORY_LIMIT_BYTES_MIN);
  const outputBytesMax = numberOf(params, OUTPUT_LIMIT, 1);
  const limits: StepLimits = {
    ...(batchTimeoutMs === undefined ? {} : { batchTimeoutMs }),
    ...(memoryBytesMax === undefined ? {} : { memoryBytesMax }),
    ...(outputBytesMax === undefined ? {} : { outputBytesMax }),
  };
  return Object.keys(limits).length === 0 ? undefined : limits;
}

function numberOf(params: ReadonlyMap<string, string>, name: string, min: number): number | undefined {
  const text = params.get(name);
  if (text === undefined) return undefined;
  const value = Number(text);
  if (/^\d{1,16}$/.test(text) && Number.isSafeInteger(value) && value >= min) return value;
  throw badValue(name, text, `it takes a whole number from ${min} on`);
}

/** More of a value says no more, and a text of the wire has a bound. */
const VALUE_CHARS_SHOWN = 100;
const NUMBERS_HINT = "Times are in milliseconds and sizes in bytes, as decimal numbers";

function badValue(name: string, value: string, why: string, hint = NUMBERS_HINT): Error {
  const shown = value.length <= VALUE_CHARS_SHOWN ? value : `${value.slice(0, VALUE_CHARS_SHOWN)}…`;
  return flvError("FLV_ARGUMENT", `the parameter ${name} cannot be "${shown}": ${why}`, {
    details: { parameter: name, value },
    hint,
  });
}

function unknownName(name: string, value: string): Error {
  return flvError("FLV_ARGUMENT", `the parameter ${name} (with "${value}") is not known`, {
    details: { parameter: name, value },
    hint: `Names that begin with ${RESERVED_PREFIX} are options of a step: ${NAMES.join(", ")}`,
  });
}
