import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { type FluvioError, type FluvioErrorCode, flvError, isFluvioError, type Logger } from "../../protocol/index.ts";
import { errorText } from "../run/line-logger.ts";
import type { ChildStart } from "./supervised-connector.ts";

/** What a process that checks a configuration answers: nothing against it, or the error. */
export type CheckAnswer =
  | {
      readonly type: "checked";
      /** The configuration as it may be shown, JSON. */
      readonly shown: string;
    }
  | {
      readonly type: "refused";
      readonly code: FluvioErrorCode;
      readonly message: string;
      readonly hint: string | undefined;
      readonly details: Readonly<Record<string, unknown>>;
    };

/** Longest check: it may have to install a package. */
const CHECK_TIMEOUT_MS = 5 * 60_000;

/** @returns what a check that threw `error` answers */
export function refusal(error: unknown): CheckAnswer {
  if (!isFluvioError(error)) {
    const message = errorText(error);
    return { type: "refused", code: "FLV_CONNECTOR_INVALID", message, hint: undefined, details: {} };
  }
  const { code, message, hint, details } = error;
  return { type: "refused", code, message, hint, details: JSON.parse(JSON.stringify(details)) as typeof details };
}

/**
 * Has a configuration checked by a process of its own, so that code which is not part of the product is never loaded into
 * the cluster's.
 * @returns the configuration as it may be shown, JSON
 * @throws what the check found
 */
export async function checkInProcess({ command, start, hide }: ChildStart, logger: Logger): Promise<string> {
  const { file, args, env } = command;
  const signal = AbortSignal.timeout(CHECK_TIMEOUT_MS);
  const child = spawn(file, args, { env, signal, stdio: ["ignore", "ignore", "pipe", "ipc"] });
  let lastLine = "";
  child.send(start, () => {});
  if (child.stderr !== null) {
    createInterface({ input: child.stderr }).on("line", (line) => {
      lastLine = hide(line);
      logger.info({}, hide(line));
    });
  }
  const answer = await new Promise<CheckAnswer | undefined>((resolve, reject) => {
    let received: CheckAnswer | undefined;
    child.on("message", (message: unknown) => {
      // It also says that it is alive.
      if (isAnswer(message)) received = message;
    });
    child.once("error", reject);
    child.once("close", () => resolve(received));
  });
  if (answer?.type === "checked") return answer.shown;
  throw answer === undefined ? noAnswer(lastLine) : errorOf(answer);
}

function isAnswer(message: unknown): message is CheckAnswer {
  const type = typeof message === "object" && message !== null && "type" in message ? message.type : undefined;
  return type === "checked" || type === "refused";
}

function errorOf({ code, message, hint, details }: Extract<CheckAnswer, { type: "refused" }>): FluvioError {
  return flvError(code, message, { details, ...(hint === undefined ? {} : { hint }) });
}

function noAnswer(lastLine: string): FluvioError {
  const sentence = `the connector's code ended the process that checked it${lastLine === "" ? "" : `: ${lastLine}`}`;
  return flvError("FLV_CONNECTOR_INVALID", sentence, {
    hint: "A connector's module must be imported without side effects",
  });
}
