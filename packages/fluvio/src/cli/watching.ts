import { setTimeout as sleep } from "node:timers/promises";
import { parseDurationMs } from "../client/index.ts";
import { flag, valueOr } from "./command.ts";
import { checked } from "./values.ts";

/** Options of commands that can show something again and again. */
export const watchOptions = {
  watch: flag({ long: "watch", short: "w", summary: "Show them again and again, until Ctrl-C" }),
  interval: valueOr({
    long: "interval",
    value: "time",
    summary: "Time between two tables",
    parse: checked(parseDurationMs),
    default: 1000,
    defaultText: "1s",
  }),
};

/** False when the command is told to stop; otherwise it is time to show them again. */
export function untilNext(intervalMs: number, signal: AbortSignal): Promise<boolean> {
  return sleep(intervalMs, true, { signal }).catch(() => false);
}
