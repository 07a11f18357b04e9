import { topicNameProblem } from "../../protocol/index.ts";
import type { ConnectorConfig } from "../file/config.ts";
import { nearest, type ProblemPlace, problem } from "../file/problem.ts";
import { parameter } from "./common-parameters.ts";

/** What becomes of a record that cannot be delivered. */
export const ON_ERROR = ["retry", "dead-letter", "skip", "stop"] as const;
type OnError = (typeof ON_ERROR)[number];
/** Of a source: what it has read once it cannot ask for again. */
const ON_ERROR_OF_SOURCES: readonly OnError[] = ON_ERROR.filter((one) => one !== "retry");

/** What a connector does with records that cannot be delivered. */
export interface ErrorOptions {
  readonly onError: OnError;
  readonly deadLetterTopic: string;
}

/** `on-error` and what belongs to it. @throws FLV_CONNECTOR_INVALID */
export function errorOptions(config: ConnectorConfig, direction: "source" | "sink", file: string): ErrorOptions {
  const place = { file };
  const onError = errorPolicy(config, direction, place);
  return { onError, deadLetterTopic: deadLetterTopic(config, onError, direction, place) };
}

function errorPolicy(config: ConnectorConfig, direction: "source" | "sink", place: ProblemPlace): OnError {
  const allowed = direction === "source" ? ON_ERROR_OF_SOURCES : ON_ERROR;
  const given = parameter(config, "on-error");
  if (given === undefined) return direction === "source" ? "skip" : "retry";
  const word = typeof given === "string" ? given.toLowerCase().replaceAll("_", "-") : "";
  const found = allowed.find((one) => one === word);
  if (found !== undefined) return found;
  if (word === "retry") {
    const sentence = "`parameters.on-error: retry` belongs to sinks: a source cannot ask its system for a record again";
    throw problem(place, sentence, `Write one of ${allowed.join(", ")}`, { key: "parameters.on-error", value: given });
  }
  const guess = nearest(word, allowed);
  const hint = `${guess === undefined ? "" : `Did you mean \`${guess}\`? `}Write one of ${allowed.join(", ")}`;
  throw problem(place, `\`parameters.on-error\` is ${JSON.stringify(given)}: unknown variant`, hint, {
    key: "parameters.on-error",
    value: given,
  });
}

function deadLetterTopic(
  config: ConnectorConfig,
  onError: OnError,
  direction: "source" | "sink",
  place: ProblemPlace,
): string {
  const given = parameter(config, "dead-letter-topic");
  const key = "parameters.dead-letter-topic";
  if (given !== undefined && onError !== "dead-letter") {
    throw problem(place, `\`${key}\` has no effect with \`on-error: ${onError}\``, "Write `on-error: dead-letter`", {
      key,
    });
  }
  const name = given ?? `${config.name}-dead-letter`;
  const isName = typeof name === "string" && topicNameProblem(name) === undefined;
  if (onError !== "dead-letter" || (isName && name !== config.topic)) return String(name);
  const reason =
    name === config.topic
      ? `is the topic that the ${direction} ${direction === "sink" ? "reads" : "writes"}`
      : "is not a valid topic name";
  throw problem(place, `\`${key}\` ${JSON.stringify(name)} ${reason}`, "Name another topic", { key, value: name });
}
