import { setTimeout as sleep } from "node:timers/promises";
import { isFluvioError } from "../protocol/index.ts";
import type { ConnectorContext } from "./define.ts";
import { askedPauseMs, writeProblem } from "./write-errors.ts";

export interface KeepTryingOptions {
  /** First pause; it doubles. Default 500 ms. */
  readonly initialDelayMs?: number;
  /** Default 30 s. */
  readonly maxDelayMs?: number;
  /** Between 0 and 1, spreads attempts. Default `Math.random`. */
  readonly random?: () => number;
}

/** Beyond this every delay is the longest. */
const DOUBLINGS_MAX = 30;
/** Errors that trying again does not help: configuration, `on_error: stop`, the cluster's own, which the caller must see. */
const isPassing = (error: unknown) => !isFluvioError(error) || error.code === "FLV_SINK_UNAVAILABLE";

/**
 * Runs `attempt` until it ends by itself or the connector is to stop; while the other system is away it is told by the
 * connector's state, and tried again with growing pauses.
 * @param what what is tried, for the log: "connect to db:5432"
 * @param attempt calls `works` once the connection stands: pauses begin anew, and the state tells of no trouble any more.
 * What it throws counts as passing unless it is an error of this product other than `tryLater`.
 * @throws what trying again does not help
 */
export async function keepTrying<T>(
  context: Pick<ConnectorContext<unknown>, "signal" | "logger" | "trouble">,
  what: string,
  attempt: (works: () => void) => Promise<T>,
  options: KeepTryingOptions = {},
): Promise<T | undefined> {
  const { signal, logger, trouble } = context;
  const { initialDelayMs = 500, maxDelayMs = 30_000, random = Math.random } = options;
  let failures = 0;
  const works = () => {
    failures = 0;
    trouble("");
  };
  while (!signal.aborted) {
    try {
      return await attempt(works);
    } catch (error) {
      if (signal.aborted) return undefined;
      if (!isPassing(error)) throw error;
      failures++;
      const ceilingMs = Math.min(maxDelayMs, initialDelayMs * 2 ** Math.min(failures - 1, DOUBLINGS_MAX));
      const delayMs = Math.round(Math.max(askedPauseMs(error), ceilingMs * (0.5 + random() / 2)));
      const problem = writeProblem(error);
      trouble(`cannot ${what}, trying again: ${problem}`);
      logger.warn({ problem, attempt: failures, retryInMs: delayMs }, `cannot ${what}, trying again`);
      await sleep(delayMs, undefined, { signal }).catch(() => {
        // The stop ends the pause; the loop sees it.
      });
    }
  }
  return undefined;
}
