import { FluvioError, type FluvioErrorCode, isFluvioError } from "../../protocol/index.ts";

/** What a cluster in the background tells the command that started it, until it is ready. */
export type StartMessage =
  | { readonly type: "ready"; readonly scPort: number; readonly spus: number }
  | {
      readonly type: "failed";
      readonly code: FluvioErrorCode | undefined;
      readonly message: string;
      readonly hint?: string;
    };

export function isStartMessage(value: unknown): value is StartMessage {
  return typeof value === "object" && value !== null && "type" in value && typeof value.type === "string";
}

/** Tells the starting command, if there is one (`cluster run` by hand has none). Resolves when it is on its way. */
export function tellStarter(message: StartMessage): Promise<void> {
  return new Promise((sent) => {
    if (process.connected !== true || process.send === undefined) sent();
    else process.send(message, undefined, undefined, () => sent());
  });
}

export function failureMessage(error: unknown): StartMessage {
  if (!isFluvioError(error)) {
    return { type: "failed", code: undefined, message: error instanceof Error ? error.message : String(error) };
  }
  const hint = error.hint === undefined ? {} : { hint: error.hint };
  return { type: "failed", code: error.code, message: error.message, ...hint };
}

/** The error that {@link failureMessage} carried. */
export function failureError(message: Extract<StartMessage, { type: "failed" }>, log: string): Error {
  const options = { ...(message.hint === undefined ? {} : { hint: message.hint }), details: { log } };
  return new FluvioError(message.code ?? "FLV_CLUSTER_START", message.message, options);
}
