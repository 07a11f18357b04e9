import { resolve } from "node:path";
import { flvError } from "../../../protocol/index.ts";
import type { TemplatePlaceholder, TemplateSource } from "../../../smdk/index.ts";
import { flag, type InputOf, type OptionTable, value, values } from "../../command.ts";
import type { Io } from "../../io.ts";
import { projectPrompts } from "../../project-prompts.ts";
import { keyValue, nonEmpty } from "../../values.ts";

/** Which template a project is made by, in place of our own. */
export const templateOptions = {
  templatePath: value({
    long: "template-path",
    value: "dir",
    summary: "Folder with a template of yours (files with {{project-name}} and the like)",
    parse: nonEmpty,
    conflicts: ["templateRepo", "language"],
  }),
  templateRepo: value({
    long: "template-repo",
    value: "url",
    summary: "Git repository with a template",
    parse: nonEmpty,
    conflicts: ["language"],
  }),
  templateBranch: value({
    long: "template-branch",
    value: "branch",
    summary: "Branch of that repository",
    parse: nonEmpty,
    conflicts: ["templateTag"],
    requires: ["templateRepo"],
  }),
  templateTag: value({
    long: "template-tag",
    value: "tag",
    summary: "Tag of that repository",
    parse: nonEmpty,
    requires: ["templateRepo"],
  }),
  define: values({
    long: "define",
    value: "name=value",
    summary: "Answer to a placeholder of the template's own; may be repeated",
    parse: keyValue,
    requires: ["templatePath", "templateRepo"],
  }),
  hubRemote: value({
    long: "hub-remote",
    value: "url",
    summary: "Without a meaning here",
    parse: nonEmpty,
    hidden: true,
  }),
  develop: flag({ long: "develop", summary: "Without a meaning here", hidden: true }),
} satisfies OptionTable;

type TemplateInput = InputOf<Record<never, never>, typeof templateOptions>;

/** What is wrong with the options together. */
export function templateProblem(input: TemplateInput): string | undefined {
  if (input.hubRemote !== undefined) {
    return "'--hub-remote' has no meaning here: the npm registry is the hub, and npm knows which (`npm config set registry URL`)";
  }
  if (input.develop) {
    return "'--develop' has no meaning here: give the template with '--template-path <dir>' and the crate with '--sm-crate-path <path>'";
  }
  return undefined;
}

/** Nothing when the project is made by a template of ours. */
export function templateSource(input: TemplateInput, io: Io): TemplateSource | undefined {
  if (input.templatePath !== undefined) return { path: resolve(io.cwd, input.templatePath) };
  if (input.templateRepo === undefined) return undefined;
  return { url: input.templateRepo, ref: input.templateBranch ?? input.templateTag };
}

/** The answer to a placeholder: on a terminal it is asked for, elsewhere its default stands. @throws FLV_ARGUMENT */
export async function askPlaceholder(
  { name, prompt, type, choices, default: initial }: TemplatePlaceholder,
  io: Io,
  isSilent: boolean,
): Promise<string | boolean> {
  if (io.stdinIsTty && io.stdout.isTty && !isSilent) {
    const prompts = await projectPrompts(io);
    if (type === "bool") return await prompts.confirm(prompt);
    if (choices !== undefined) {
      return await prompts.choose(
        prompt,
        choices.map((choice) => ({ value: choice, hint: "" })),
      );
    }
    return await prompts.text(prompt, {
      checked: false,
      ...(initial === undefined ? {} : { initial: String(initial) }),
    });
  }
  if (initial !== undefined) return initial;
  throw flvError("FLV_ARGUMENT", `The template needs a value for ${name}: ${prompt}`, {
    details: { name },
    hint: `Give it: --define ${name}=${choices?.[0] ?? "VALUE"}.`,
  });
}
