/** What a connector process says to its supervisor. */
export type RunnerMessage =
  /** The connector is connected and works. */
  | { readonly type: "running" }
  /** It is alive. Counted since the start of the process. */
  | { readonly type: "heartbeat"; readonly records: number; readonly recordErrors: number }
  /** It has no more to give and ends by itself. */
  | { readonly type: "finished" }
  /** Why it is about to exit with an error. `permanent`: starting again would fail the same way. */
  | { readonly type: "failed"; readonly reason: string; readonly permanent: boolean };

export const HEARTBEAT_INTERVAL_MS = 2000;

export function isRunnerMessage(value: unknown): value is RunnerMessage {
  return typeof value === "object" && value !== null && "type" in value && typeof value.type === "string";
}
