import { type FluvioError, flvError, isFluvioError } from "../../protocol/index.ts";
import { errorText } from "./line-logger.ts";

/**
 * The error of a write that will never succeed, however often it is tried: the target understood it and said no.
 * @param reason what the target said, for the log and the dead-letter topic; without secrets
 */
export function recordsRefused(reason: string, options: { readonly cause?: unknown } = {}): FluvioError {
  return flvError("FLV_SINK_REFUSED", reason, { retriable: false, ...options });
}

/**
 * The error of a write that may succeed later.
 * @param reason why not now, for the log; without secrets
 * @param options `afterMs`: how long the target asked to be left alone; the pause is at least this
 */
export function tryLater(
  reason: string,
  options: { readonly afterMs?: number; readonly cause?: unknown } = {},
): FluvioError {
  const { afterMs, ...rest } = options;
  return flvError("FLV_SINK_UNAVAILABLE", reason, {
    retriable: true,
    ...rest,
    ...(afterMs === undefined ? {} : { details: { afterMs } }),
  });
}

/**
 * The error that ends a connector for good: started again it would come to the same. Its state is then `Failed`.
 * @param reason what is in the way, for the state and the log; without secrets
 * @param hint how to go on
 */
export function connectorStopped(reason: string, hint: string): FluvioError {
  return flvError("FLV_CONNECTOR_STOPPED", reason, { hint });
}

export function isRefused(error: unknown): boolean {
  return isFluvioError(error) && error.code === "FLV_SINK_REFUSED";
}

/** How long the target asked to be left alone, milliseconds; 0 when it said nothing. */
export function askedPauseMs(error: unknown): number {
  if (!isFluvioError(error)) return 0;
  const { afterMs } = error.details;
  return typeof afterMs === "number" && afterMs > 0 ? afterMs : 0;
}

/** Why a write failed, in one line. */
export function writeProblem(error: unknown): string {
  const isOwn = isFluvioError(error) && (error.code === "FLV_SINK_REFUSED" || error.code === "FLV_SINK_UNAVAILABLE");
  return isOwn ? error.message : errorText(error);
}
