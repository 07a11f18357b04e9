import { type OffsetStrategy, parseSizeBytes, type StartOffset } from "../../client/index.ts";
import type { ConnectorConfig, ParameterValue } from "../file/config.ts";
import { parseDuration } from "../file/durations.ts";
import { canonicalKey, type ProblemPlace, problem, unknownKey } from "../file/problem.ts";
import { PAUSES_DEFAULT, type Pauses } from "../run/pauses.ts";
import { parameter } from "./common-parameters.ts";
import { type ErrorOptions, errorOptions } from "./error-options.ts";

/** Pauses between the attempts of one write. */
interface SinkRetry extends Pauses {
  /** After so many, a passing trouble counts as one that stays. */
  readonly attempts: number;
}

/** How a sink reads its topic and what it does when a write fails. */
export interface SinkOptions extends ErrorOptions {
  readonly consumerId: string;
  /** `undefined`: all, and those added later. */
  readonly partitions: readonly number[] | undefined;
  readonly start: StartOffset;
  readonly strategy: OffsetStrategy;
  /** How often the position is stored with the strategy `auto`; `undefined`: after every write. */
  readonly flushPeriodMs: number | undefined;
  readonly maxBytes: number | undefined;
  readonly retry: SinkRetry;
}

const RETRY_DEFAULT: SinkRetry = { ...PAUSES_DEFAULT, attempts: Number.POSITIVE_INFINITY };
const FLUSH_PERIOD_MS_DEFAULT = 10_000;

/** Under which id a sink reads its topic: that of its file, else its name. */
export function consumerIdOf({ consumer, name }: Pick<ConnectorConfig, "consumer" | "name">): string {
  return consumer?.id ?? name;
}

/** The sink's part of a configuration. @throws FLV_CONNECTOR_INVALID */
export function sinkOptions(config: ConnectorConfig, file: string): SinkOptions {
  const place = { file };
  const { offset = {} } = config.consumer ?? {};
  const maxBytes = config.consumer?.["max-bytes"];
  const strategy = offset.strategy ?? "manual";
  const period = offset["flush-period"];
  const { onError, deadLetterTopic } = errorOptions(config, "sink", file);
  const retry = retryOptions(parameter(config, "retry"), place);
  if (onError === "retry" && Number.isFinite(retry.attempts)) {
    const sentence = "`parameters.retry.attempts` has no effect with `on-error: retry`";
    throw problem(place, sentence, "Remove it, or write `on-error: dead-letter`, `skip` or `stop`", {
      key: "parameters.retry",
    });
  }
  return {
    consumerId: consumerIdOf(config),
    partitions: partitions(config, place),
    start: startOffset(offset.start),
    strategy,
    flushPeriodMs:
      strategy !== "auto" ? undefined : period === undefined ? FLUSH_PERIOD_MS_DEFAULT : parseDuration(period),
    maxBytes: maxBytes === undefined ? undefined : parseSizeBytes(maxBytes),
    retry,
    onError,
    deadLetterTopic,
  };
}

/** The `consumer` section, else the parameters of the older form; all partitions when neither says anything. */
function partitions(config: ConnectorConfig, place: ProblemPlace): readonly number[] | undefined {
  const given =
    config.consumer?.partition ?? parameter(config, "fluvio-partition") ?? parameter(config, "consumer-partition");
  if (given === undefined || given === "all") return undefined;
  const list = typeof given === "string" ? [given] : (given as readonly ParameterValue[]);
  return list.map((one) => {
    if (typeof one === "string" && /^\d{1,9}$/.test(one)) return Number(one);
    const sentence = `\`parameters.fluvio-partition\` ${JSON.stringify(one)} is not a partition`;
    throw problem(place, sentence, "Write a number, or use `consumer: { partition: … }`", {
      key: "parameters.fluvio-partition",
    });
  });
}

function startOffset(start: string | Readonly<Record<string, string>> | undefined): StartOffset {
  if (start === undefined) return "end";
  if (typeof start === "string") return start === "beginning" ? "beginning" : "end";
  const { absolute } = start;
  const fromBeginning = start["from-beginning"];
  if (absolute !== undefined) return { absolute: Number(absolute) };
  if (fromBeginning !== undefined) return { fromBeginning: Number(fromBeginning) };
  return { fromEnd: Number(start["from-end"]) };
}

const RETRY_KEYS = ["initial-delay", "max-delay", "attempts"] as const;

function retryOptions(given: ParameterValue | undefined, place: ProblemPlace): SinkRetry {
  if (given === undefined) return RETRY_DEFAULT;
  const key = "parameters.retry";
  if (typeof given === "string" || Array.isArray(given)) {
    throw problem(place, `\`${key}\` is not a map`, "Write `retry: { initial-delay: 500ms, max-delay: 30s }`", { key });
  }
  const texts = new Map<string, string>();
  for (const [name, value] of Object.entries(given)) {
    const known = RETRY_KEYS.find((one) => one === canonicalKey(name));
    if (known === undefined) throw unknownKey(place, key, name, RETRY_KEYS);
    texts.set(known, typeof value === "string" ? value : JSON.stringify(value));
  }
  const refuse = (name: string, expected: string, example: string) =>
    problem(place, `\`${key}.${name}\` is ${JSON.stringify(texts.get(name))}, which is not ${expected}`, example, {
      key,
    });
  const delay = (name: string, fallback: number): number => {
    const text = texts.get(name);
    if (text === undefined) return fallback;
    const delayMs = durationOrNaN(text);
    if (delayMs >= 1) return delayMs;
    throw refuse(name, "a duration of at least 1 ms", `Write \`${name}: 1s\``);
  };
  const attempts = texts.get("attempts") ?? "unlimited";
  if (attempts !== "unlimited" && !/^[1-9]\d{0,8}$/.test(attempts)) {
    throw refuse("attempts", "a number from 1 on, or `unlimited`", "Write `attempts: 10`");
  }
  const initialDelayMs = delay("initial-delay", RETRY_DEFAULT.initialDelayMs);
  return {
    initialDelayMs,
    maxDelayMs: Math.max(initialDelayMs, delay("max-delay", RETRY_DEFAULT.maxDelayMs)),
    attempts: attempts === "unlimited" ? Number.POSITIVE_INFINITY : Number(attempts),
  };
}

function durationOrNaN(text: string): number {
  try {
    return parseDuration(text);
  } catch {
    return Number.NaN;
  }
}
