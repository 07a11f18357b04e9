import { resolve } from "node:path";
import { flvError } from "../../../protocol/index.ts";
import type { GeneratedKind } from "../../../smdk/index.ts";
import { command, flag, type InputOf, type OptionTable, optionalArg, value } from "../../command.ts";
import type { Io } from "../../io.ts";
import { checkProjectName, groupName, projectPrompts, shortPath } from "../../project-prompts.ts";
import { nonEmpty, oneOf, oneOfAnyCase } from "../../values.ts";
import { askPlaceholder, templateOptions, templateProblem, templateSource } from "./template-options.ts";

const KINDS = ["filter", "map", "filter-map", "array-map", "aggregate"] as const satisfies readonly GeneratedKind[];
const LANGUAGES = ["typescript", "rust"] as const;
const GROUP_DEFAULT = "local";

const options = {
  smType: value<GeneratedKind>({
    long: "sm-type",
    value: "type",
    summary: "What the module does with a record [default: filter]",
    parse: oneOfAnyCase(...KINDS),
    choices: KINDS,
  }),
  language: value({
    long: "language",
    value: "language",
    summary: "Language of the source [default: typescript]",
    parse: oneOf(...LANGUAGES),
    choices: LANGUAGES,
  }),
  withParams: flag({ long: "with-params", summary: "The example takes a parameter", conflicts: ["noParams"] }),
  noParams: flag({ long: "no-params", summary: "The example takes no parameter [default]" }),
  projectGroup: value({
    long: "project-group",
    value: "group",
    summary: `Group of the module, such as your organisation [default: ${GROUP_DEFAULT}]`,
    parse: groupName,
  }),
  smPublic: value({
    long: "sm-public",
    value: "bool",
    summary: "Whether it is published for everybody [default: false]",
    parse: oneOf("true", "false"),
    choices: ["true", "false"],
  }),
  destination: value({
    long: "destination",
    value: "path",
    summary: "Folder that the project's folder is made in [default: the current one]",
    parse: nonEmpty,
  }),
  silent: flag({ long: "silent", summary: "Ask nothing, say nothing: defaults stand for what is not given" }),
  smCrateVersion: value({
    long: "sm-crate-version",
    value: "version",
    summary: "Rust: release of the crate fluvio-smartmodule",
    parse: nonEmpty,
    conflicts: ["smCratePath"],
  }),
  smCratePath: value({
    long: "sm-crate-path",
    value: "path",
    summary: "Rust: folder of the crate fluvio-smartmodule",
    parse: nonEmpty,
    conflicts: ["smCrateRepo"],
  }),
  smCrateRepo: value({
    long: "sm-crate-repo",
    value: "url",
    summary: "Rust: git repository of the crate fluvio-smartmodule",
    parse: nonEmpty,
    conflicts: ["smCrateVersion"],
  }),
  ...templateOptions,
} satisfies OptionTable;

type Input = InputOf<{ readonly name: ReturnType<typeof optionalArg> }, typeof options>;

export const smartmoduleGenerate = command({
  noun: "smartmodule",
  verb: "generate",
  summary: "Make a new SmartModule project",
  description:
    "Make a folder with a complete SmartModule project: source with a worked example, tests, README and SmartModule.toml. " +
    "On a terminal it asks for what is not given; elsewhere the defaults stand, and only the name must be given.",
  args: { name: optionalArg({ name: "name", summary: "Name of the project, its folder and its module" }) },
  options,
  examples: [
    { command: "fluvio smartmodule generate my-filter" },
    { command: "fluvio smartmodule generate my-map --sm-type map --with-params --language rust" },
    { text: "by a template of yours", command: "fluvio smartmodule generate my-map --template-path ./template" },
  ],
  check: templateProblem,
  run: async (input, io) => {
    const answers = await askRest(input, io);
    const dir = resolve(io.cwd, input.destination ?? ".", answers.name);
    const files = await generate(answers, dir, input, io);
    if (input.silent) return 0;
    const shown = shortPath(io.cwd, dir);
    io.stdout.print(`SmartModule project "${answers.name}" has been created in ${shown}`);
    for (const file of files) io.stdout.print(`  ${file}`);
    io.stdout.print();
    io.stdout.print("Next:");
    io.stdout.print(`  cd ${shown}`);
    io.stdout.print("  fluvio smartmodule build");
    io.stdout.print("  fluvio smartmodule test");
    return 0;
  },
});

/** Gives the paths of the files that were written. */
async function generate(answers: GivenAnswers, dir: string, input: Input, io: Io): Promise<readonly string[]> {
  const { generateFromTemplate, generateProject } = await import("../../../smdk/index.ts");
  const options = {
    ...answers,
    dir,
    crateVersion: input.smCrateVersion,
    cratePath: input.smCratePath === undefined ? undefined : resolve(io.cwd, input.smCratePath),
    crateRepo: input.smCrateRepo,
  };
  const source = templateSource(input, io);
  if (source === undefined) return await generateProject(options);
  return await generateFromTemplate({
    ...options,
    source,
    env: io.env,
    signal: io.signal,
    defined: Object.fromEntries(input.define),
    ask: (placeholder) => askPlaceholder(placeholder, io, input.silent),
  });
}

interface GivenAnswers {
  readonly name: string;
  readonly kind: GeneratedKind;
  readonly language: "typescript" | "rust";
  readonly withParams: boolean;
  readonly group: string;
  readonly visibility: "private" | "public";
}

/** The options' answers; what is missing is asked for on a terminal, and else takes its default. */
async function askRest(input: Input, io: Io): Promise<GivenAnswers> {
  const given = {
    kind: input.smType,
    // a template has its own
    language: templateSource(input, io) === undefined ? input.language : ("typescript" as const),
    withParams: input.withParams ? true : input.noParams ? false : undefined,
    group: input.projectGroup,
  };
  const visibility = input.smPublic === "true" ? "public" : "private";
  if (input.name !== undefined) checkProjectName("SmartModule", input.name);
  if (io.stdinIsTty && io.stdout.isTty && !input.silent) {
    return { ...(await ask({ ...given, name: input.name }, io)), visibility };
  }
  if (input.name === undefined) {
    throw flvError("FLV_ARGUMENT", "The SmartModule needs a name", {
      hint: "Give it: `fluvio smartmodule generate my-filter`.",
    });
  }
  return {
    name: input.name,
    kind: given.kind ?? "filter",
    language: given.language ?? "typescript",
    withParams: given.withParams ?? false,
    group: given.group ?? GROUP_DEFAULT,
    visibility,
  };
}

type Missing<T> = { readonly [K in keyof T]: T[K] | undefined };

async function ask(
  given: Missing<Omit<GivenAnswers, "visibility">>,
  io: Io,
): Promise<Omit<GivenAnswers, "visibility">> {
  const { text, choose, confirm } = await projectPrompts(io);
  const name = given.name ?? (await text("Name of the SmartModule", { placeholder: "my-filter" }));
  const kind =
    given.kind ??
    (await choose("What does it do with a record?", [
      { value: "filter", hint: "keep it or drop it" },
      { value: "map", hint: "make another of it" },
      { value: "filter-map", hint: "make another of it, or drop it" },
      { value: "array-map", hint: "make any number of it" },
      { value: "aggregate", hint: "add it to a running value" },
    ]));
  const language =
    given.language ??
    (await choose("Language", [
      { value: "typescript", hint: "AssemblyScript, needs only Node" },
      { value: "rust", hint: "needs cargo and the target wasm32-wasip1" },
    ]));
  const withParams = given.withParams ?? (await confirm("Does it take parameters?"));
  const group = given.group ?? (await text("Group, such as your organisation", { initial: GROUP_DEFAULT }));
  return { name, kind, language, withParams, group };
}
