import {
  type FluvioError,
  flvError,
  isFluvioError,
  NO_ERROR,
  type StatusInput,
  type WireError,
} from "../../protocol/index.ts";

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

/** The answer to a request about `name` that went well. */
export function okStatus(name: string): StatusInput {
  return { name, errorCode: NO_ERROR, errorMessage: undefined };
}

/** The answer to a request about `name` that failed with `error`. Errors that are no refusals go as `Other`. */
export function errorStatus(name: string, error: unknown): StatusInput {
  if (!isFluvioError(error)) {
    const message = `The cluster failed at this request: ${error instanceof Error ? error.message : String(error)}`;
    return { name, errorCode: { name: "Other", message }, errorMessage: message };
  }
  const wire = error.details.wire as WireError | undefined;
  if (wire !== undefined) {
    return { name: (error.details.name as string | undefined) ?? name, errorCode: wire, errorMessage: error.message };
  }
  const message = error.hint === undefined ? error.message : `${error.message}. ${error.hint}`;
  return { name, errorCode: { name: "Other", message }, errorMessage: message };
}
