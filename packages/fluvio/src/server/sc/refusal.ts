import {
  aggregateStateMessage,
  type FluvioError,
  flvError,
  isFluvioError,
  NO_ERROR,
  type StatusInput,
  type WireError,
} from "../../protocol/index.ts";
import { messageOf } from "../message-of.ts";

/**
 * A request that is answered with an error code. The sentence says what, and how to fix it, since clients of the
 * original print nothing else.
 */
export function refusal(
  wire: WireError,
  sentence: string,
  options: { name?: string; cause?: unknown } = {},
): FluvioError {
  return flvError("FLV_INVALID_REQUEST", sentence, {
    details: { wire, ...(options.name === undefined ? {} : { name: options.name }) },
    ...(options.cause === undefined ? {} : { cause: options.cause }),
  });
}

/** Whether an error is a refusal with this code. */
export function isRefusal(error: unknown, name: WireError["name"]): boolean {
  return isFluvioError(error) && (error.details.wire as WireError | undefined)?.name === name;
}

/** Sentences quote what the client sent; strings of the protocol have a bound that they must not reach. */
const MESSAGE_CHARS_MAX = 4000;

/** The answer to a request about `name` that went well. */
export function okStatus(name: string): StatusInput {
  return { name, errorCode: NO_ERROR, errorMessage: undefined };
}

/** The answer to a request about `name` that failed with `error`. Errors that are no refusals go as `Other`. */
export function errorStatus(name: string, error: unknown): StatusInput {
  if (!isFluvioError(error)) {
    return otherStatus(name, `The cluster failed at this request: ${messageOf(error)}`);
  }
  const wire = error.details.wire as WireError | undefined;
  if (error.code === "FLV_AGGREGATE_STATE") return otherStatus(name, aggregateStateMessage(error));
  if (wire === undefined) {
    return otherStatus(name, error.hint === undefined ? error.message : `${error.message}. ${error.hint}`);
  }
  const about = (error.details.name as string | undefined) ?? name;
  return { name: about, errorCode: wire, errorMessage: bounded(error.message) };
}

function otherStatus(name: string, sentence: string): StatusInput {
  const message = bounded(sentence);
  return { name, errorCode: { name: "Other", message }, errorMessage: message };
}

function bounded(sentence: string): string {
  return sentence.length <= MESSAGE_CHARS_MAX ? sentence : `${sentence.slice(0, MESSAGE_CHARS_MAX)}…`;
}
