import type { ConnectorProject } from "../../../cdk/index.ts";
import { command, optionalArgs, value } from "../../command.ts";
import type { Io } from "../../io.ts";
import { nonEmpty } from "../../values.ts";

/** Options of the first cdk's builds, which were Rust's: taken, and without a meaning here. */
export const formerBuildOptions = {
  release: value({
    long: "release",
    value: "profile",
    summary: "Without a meaning here",
    parse: nonEmpty,
    hidden: true,
  }),
  target: value({ long: "target", value: "triple", summary: "Without a meaning here", parse: nonEmpty, hidden: true }),
  packageName: value({
    long: "package-name",
    short: "p",
    value: "name",
    summary: "Without a meaning here",
    parse: nonEmpty,
    hidden: true,
  }),
};

/** Builds the project that the current folder is in; what the compiler says goes to standard error. */
export async function buildConnectorHere(io: Io, args: readonly string[] = []): Promise<ConnectorProject> {
  const { buildConnector, findConnectorProject } = await import("../../../cdk/index.ts");
  const project = await findConnectorProject(io.cwd);
  const onMessage = (line: string) => io.stderr.print(line);
  await buildConnector(project, { env: io.env, signal: io.signal, onMessage, args });
  return project;
}

export const connectorBuild = command({
  noun: "connector",
  verb: "build",
  summary: "Build the connector project of this folder",
  description:
    "Runs the build script of the project that the current folder is in, or its TypeScript compiler where it has none. " +
    "What the project needs is installed with npm first, when it is not there.",
  args: { arguments: optionalArgs({ name: "ARGS", summary: "Behind `--`: further arguments of the build" }) },
  options: formerBuildOptions,
  run: async ({ arguments: args }, io) => {
    const { name, version, module } = await buildConnectorHere(io, args);
    io.stdout.print(`Built ${name}@${version}: ${module}`);
    return 0;
  },
});
