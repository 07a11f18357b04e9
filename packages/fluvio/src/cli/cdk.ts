import { type Command, command, type Noun, optionalArg, type Program, value } from "./command.ts";
import type { IoParts } from "./io.ts";
import { main } from "./main.ts";
import { outputOption, printListing } from "./output/format.ts";
import { renderTable } from "./output/table.ts";
import { nonEmpty } from "./values.ts";
import { ownNoun, programVersion, verbNoun } from "./verb-program.ts";

/** By which the npm registry finds connectors. */
const KEYWORD = "fluvio-connector";

interface FoundPackage {
  readonly name: string;
  readonly version: string;
  readonly description?: string;
  readonly date?: string;
}

const hub = command({
  noun: "hub",
  summary: "Connectors of the npm registry, which is the hub: list, download",
  args: {
    verb: optionalArg({ name: "list|download|id", summary: "What to do; without it the registry is named" }),
    package: optionalArg({ name: "PACKAGE[@VERSION]", summary: "What to download" }),
  },
  options: {
    output: outputOption,
    remote: value({ long: "remote", value: "url", summary: "Another registry than npm's own", parse: nonEmpty }),
    target: value({
      long: "target",
      value: "triple",
      summary: "Without a meaning here",
      parse: nonEmpty,
      hidden: true,
    }),
  },
  check: ({ verb, package: wanted }) => {
    if (verb !== undefined && !["list", "download", "id"].includes(verb)) return `unrecognized subcommand '${verb}'`;
    const isMissing = verb === "download" && wanted === undefined;
    return isMissing ? "the following required arguments were not provided:\n  <PACKAGE[@VERSION]>" : undefined;
  },
  run: async ({ verb, package: wanted = "", output, remote }, io) => {
    const { describePackage, parsePackage, runNpm } = await import("../npm/index.ts");
    const npm = { cwd: io.cwd, env: io.env, signal: io.signal };
    const from = remote === undefined ? [] : [`--registry=${remote}`];
    if (verb === undefined) io.stdout.print(remote ?? (await runNpm(["config", "get", "registry"], npm)).trim());
    else if (verb === "id") io.stdout.print((await runNpm(["whoami", ...from], npm)).trim());
    else if (verb === "download") {
      const source = parsePackage(wanted);
      io.stdout.print((await runNpm(["pack", describePackage(source), "--ignore-scripts", ...from], npm)).trim());
    } else {
      const found = JSON.parse(
        await runNpm(["search", `keywords:${KEYWORD}`, "--json", ...from], npm),
      ) as readonly FoundPackage[];
      printListing(io.stdout, {
        format: output,
        plural: "connectors",
        empty: "No connectors found",
        objects: found.map(({ name, version, description, date }) => ({ name, version, description, date })),
        table: () =>
          renderTable(
            ["CONNECTOR", "Visibility", "Released"],
            found.map(({ name, version, date = "" }) => [`${name}@${version}`, "public", date.slice(0, 10)]),
          ),
      });
    }
    return 0;
  },
});

const connectorVerbs = async (): Promise<readonly Command[]> =>
  (await import("./commands/connector/project.ts")).projectCommands;
const deploying = () => import("./commands/connector/deploy.ts");

const nouns: readonly Noun[] = [
  verbNoun(["generate", "Make a new connector project"], connectorVerbs),
  verbNoun(["build", "Build the connector project of this folder"], connectorVerbs),
  {
    name: "test",
    summary: "Build the connector of this folder and run it in the foreground",
    load: async () => [(await deploying()).cdkTest],
  },
  {
    name: "deploy",
    summary: "Connectors in the background of this machine: start, list, log, shutdown",
    load: async () => (await deploying()).deployCommands,
  },
  verbNoun(["publish", "Publish the connector of this folder's project to the npm registry"], connectorVerbs),
  ownNoun(hub),
  verbNoun(["set-public", "Say in package.json whether the connector is published for everybody"], connectorVerbs),
  ownNoun(programVersion),
];

const CDK: Program = {
  name: "cdk",
  title: "cdk: the connector kit, a second name of commands of `fluvio connector`",
  nouns,
  plugins: false,
};

/** Runs one command line of `cdk`; otherwise as {@link main}. */
export async function cdk(argv: readonly string[], parts: Partial<IoParts> = {}): Promise<number> {
  return await main(argv, parts, CDK);
}
