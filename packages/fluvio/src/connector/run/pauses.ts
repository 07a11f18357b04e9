import { setTimeout as sleep } from "node:timers/promises";
import type { ConnectorContext } from "../define.ts";
import { askedPauseMs, writeProblem } from "./write-errors.ts";

/** Pauses between attempts: they double from the first to the longest. */
export interface Pauses {
  readonly initialDelayMs: number;
  readonly maxDelayMs: number;
}

export const PAUSES_DEFAULT: Pauses = { initialDelayMs: 500, maxDelayMs: 30_000 };
/** Beyond this every delay is the longest. */
const DOUBLINGS_MAX = 30;

export interface FailedAttempt {
  /** What is tried, for the log and the connector's state: "connect to db:5432". */
  readonly what: string;
  /** How often it was tried, from 1 on. */
  readonly attempt: number;
  readonly error: unknown;
  readonly pauses: Pauses;
  /** Between 0 and 1, spreads attempts. */
  random(): number;
}

/**
 * Tells of an attempt that failed, and waits before the next one: at least as long as the other system asked for.
 * @throws the signal's reason
 */
export async function pauseAfter(
  { what, attempt, error, pauses, random }: FailedAttempt,
  { signal, logger, trouble }: Pick<ConnectorContext<unknown>, "signal" | "logger" | "trouble">,
): Promise<void> {
  const { initialDelayMs, maxDelayMs } = pauses;
  const ceilingMs = Math.min(maxDelayMs, initialDelayMs * 2 ** Math.min(attempt - 1, DOUBLINGS_MAX));
  const delayMs = Math.round(Math.max(askedPauseMs(error), ceilingMs * (0.5 + random() / 2)));
  const problem = writeProblem(error);
  trouble(`cannot ${what}, trying again: ${problem}`);
  logger.warn({ problem, attempt, retryInMs: delayMs }, `cannot ${what}, trying again`);
  await sleep(delayMs, undefined, { signal });
}
