import type { CountersMessage } from "../run/counters.ts";

/** What a connector process says to its supervisor. */
export type RunnerMessage =
  /** The connector is connected and works. */
  | { readonly type: "running" }
  /** It begins to read its topic: what {@link StartMessage.hasBegun} says from then on. */
  | { readonly type: "begun" }
  /** It is alive. Counted since the start of the process. */
  | { readonly type: "heartbeat"; readonly counters: CountersMessage }
  /** Something keeps it from writing, and it tries again; with an empty reason nothing does any more. */
  | { readonly type: "trouble"; readonly reason: string }
  /** It has no more to give and ends by itself. */
  | { readonly type: "finished" }
  /** It ends because `on_error` says so; starting again would come to the same record. */
  | { readonly type: "stopped"; readonly reason: string }
  /** Why it is about to exit with an error. `permanent`: starting again would fail the same way. */
  | { readonly type: "failed"; readonly reason: string; readonly permanent: boolean }
  /** Answers {@link SupervisorMessage}: switched, not in use here, or (with a reason) going on with the code of before. */
  | { readonly type: "switched"; readonly id: number; readonly inUse: boolean; readonly reason?: string };

/** The first that a supervisor says to a connector process: what no file and no list of processes may show. */
export interface StartMessage {
  readonly type: "start";
  /** The whole configuration, JSON. */
  readonly config: string;
  /** Values of all secrets that it uses. */
  readonly secrets: Readonly<Record<string, string>>;
  /** Whether it began to read its topic in an earlier life: its position cannot tell before the first record. */
  readonly hasBegun: boolean;
}

/** What a supervisor says to a connector process later: load a SmartModule of the cluster anew. */
export interface SupervisorMessage {
  readonly type: "switch";
  readonly id: number;
  readonly name: string;
}

export const HEARTBEAT_INTERVAL_MS = 2000;

export function isRunnerMessage(value: unknown): value is RunnerMessage {
  return typeof value === "object" && value !== null && "type" in value && typeof value.type === "string";
}

export function isStartMessage(value: unknown): value is StartMessage {
  return typeof value === "object" && value !== null && "type" in value && value.type === "start";
}

export function isSupervisorMessage(value: unknown): value is SupervisorMessage {
  return typeof value === "object" && value !== null && "type" in value && value.type === "switch";
}
