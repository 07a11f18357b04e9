import { flvError } from "../protocol/index.ts";
import { type Arg, optionalArg } from "./command.ts";
import type { Io } from "./io.ts";
import { confirm } from "./prompt.ts";
import { Exit } from "./report.ts";

/** Goes on only when the user says so. @throws FLV_ARGUMENT when there is nobody to ask */
export async function askToPublish(io: Io, packageName: string, question: string): Promise<void> {
  if (!io.stdinIsTty) {
    throw flvError("FLV_ARGUMENT", `Publishing ${packageName} needs a confirmation`, {
      hint: "Add --public-yes to publish without a terminal.",
    });
  }
  if (await confirm(io, question)) return;
  io.stdout.print("publish stopped");
  throw new Exit(1);
}

/** Arguments of the commands that say who may see a package. */
export const visibilityArgs: { readonly visible: Arg<string | undefined> } = {
  visible: optionalArg({ name: "true|false", summary: "Default true" }),
};

export function checkVisibility({ visible }: { readonly visible?: string | undefined }): string | undefined {
  if (visible === undefined || visible === "true" || visible === "false") return undefined;
  return `invalid value '${visible}' for '[true|false]'\n  [possible values: true, false]`;
}
