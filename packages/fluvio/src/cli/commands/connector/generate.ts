import { resolve } from "node:path";
import type { ConnectorAnswers } from "../../../cdk/index.ts";
import { flvError } from "../../../protocol/index.ts";
import { command, flag, type InputOf, type OptionTable, optionalArg, value } from "../../command.ts";
import type { Io } from "../../io.ts";
import { checkProjectName, groupName, projectPrompts, shortPath } from "../../project-prompts.ts";
import { nonEmpty, oneOf, text } from "../../values.ts";

const DIRECTIONS = ["source", "sink"] as const;
const BOOLEANS = ["true", "false"] as const;

const options = {
  connType: value({
    long: "conn-type",
    value: "type",
    summary: "source or sink (also: CDK_CONN_TYPE) [default: source]",
    parse: oneOf(...DIRECTIONS),
    choices: DIRECTIONS,
  }),
  connDescription: value({
    long: "conn-description",
    value: "text",
    summary: "What it does, in a sentence",
    parse: text,
  }),
  group: value({
    long: "group",
    aliases: ["project-group"],
    value: "group",
    summary: "Scope of its npm package, such as your organisation [default: none]",
    parse: groupName,
  }),
  connPublic: value({
    long: "conn-public",
    value: "bool",
    summary: "Whether it is published for everybody (also: CDK_CONN_PUBLIC) [default: false]",
    parse: oneOf(...BOOLEANS),
    choices: BOOLEANS,
  }),
  destination: value({
    long: "destination",
    value: "path",
    summary: "Folder that the project's folder is made in (also: CDK_DESTINATION) [default: the current one]",
    parse: nonEmpty,
  }),
  silent: flag({ long: "silent", summary: "Ask nothing, say nothing: defaults stand for what is not given" }),
} satisfies OptionTable;

type Input = InputOf<{ readonly name: ReturnType<typeof optionalArg> }, typeof options>;

export const connectorGenerate = command({
  noun: "connector",
  verb: "generate",
  summary: "Make a new connector project",
  description:
    "Make a folder with a complete connector project in TypeScript: an example that works, tests, README, a sample " +
    "configuration, and a package.json by which fluvio finds the connector. On a terminal it asks for what is not given; " +
    "elsewhere the defaults stand, and only the name must be given.",
  args: { name: optionalArg({ name: "name", summary: "Name of the project, its folder and its connector" }) },
  options,
  examples: [
    { command: "fluvio connector generate my-source" },
    { command: "fluvio connector generate my-sink --conn-type sink --group acme" },
  ],
  run: async (input, io) => {
    const answers = await askRest(input, io);
    const { generateConnector } = await import("../../../cdk/index.ts");
    const dir = resolve(io.cwd, input.destination ?? io.env.CDK_DESTINATION ?? ".", answers.name);
    const files = await generateConnector(dir, answers);
    if (input.silent) return 0;
    const shown = shortPath(io.cwd, dir);
    io.stdout.print(`Connector project "${answers.name}" has been created in ${shown}`);
    for (const file of files) io.stdout.print(`  ${file}`);
    io.stdout.print();
    io.stdout.print("Next:");
    io.stdout.print(`  cd ${shown}`);
    io.stdout.print("  fluvio connector build");
    io.stdout.print("  fluvio connector test --config sample-config.yaml");
    return 0;
  },
});

/** The options' answers; what is missing is asked for on a terminal, and else takes its default. */
async function askRest(input: Input, io: Io): Promise<ConnectorAnswers> {
  const direction = input.connType ?? DIRECTIONS.find((one) => one === io.env.CDK_CONN_TYPE?.toLowerCase());
  const isPublic = (input.connPublic ?? io.env.CDK_CONN_PUBLIC) === "true";
  if (input.name !== undefined) checkProjectName("connector", input.name);
  if (io.stdinIsTty && io.stdout.isTty && !input.silent) {
    return { ...(await ask({ ...input, direction }, io)), isPublic };
  }
  if (input.name === undefined) {
    throw flvError("FLV_ARGUMENT", "The connector needs a name", {
      hint: "Give it: `fluvio connector generate my-source`.",
    });
  }
  return {
    name: input.name,
    group: input.group ?? "",
    direction: direction ?? "source",
    description: input.connDescription ?? defaultDescription(direction ?? "source"),
    isPublic,
  };
}

const defaultDescription = (direction: "source" | "sink"): string =>
  direction === "source" ? "Brings records into a topic" : "Brings the records of a topic somewhere else";

async function ask(
  given: Input & { readonly direction: "source" | "sink" | undefined },
  io: Io,
): Promise<Omit<ConnectorAnswers, "isPublic">> {
  const prompts = await projectPrompts(io);
  const name = given.name ?? (await prompts.text("Name of the connector", { placeholder: "my-source" }));
  const direction =
    given.direction ??
    (await prompts.choose("Which way do records go?", [
      { value: "source", hint: "from another system into a topic" },
      { value: "sink", hint: "from a topic into another system" },
    ]));
  const description =
    given.connDescription ??
    (await prompts.text("What does it do?", { initial: defaultDescription(direction), checked: false }));
  const group =
    given.group ?? (await prompts.text("Scope of its npm package, such as your organisation", { initial: "local" }));
  return { name, direction, description, group };
}
