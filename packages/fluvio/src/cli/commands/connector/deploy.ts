import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Deployment } from "../../../cdk/index.ts";
import { flvError } from "../../../protocol/index.ts";
import { type Command, command, value, valueOr } from "../../command.ts";
import { readUserFile } from "../../files.ts";
import { globalOptions } from "../../globals.ts";
import type { Io } from "../../io.ts";
import { renderTable } from "../../output/table.ts";
import { nearest } from "../../suggest.ts";
import { nonEmpty, oneOf } from "../../values.ts";
import { formerBuildOptions } from "./build.ts";
import { refuseUnknownModules } from "./known-modules.ts";
import { run } from "./run.ts";
import { loadUserConnector, type UserConnector, withPackage } from "./user-file.ts";

const SAMPLE = "sample-config.yaml";
const LEVELS = ["trace", "debug", "info", "warn", "error"] as const;

/** Options of commands that run the connector of a project. */
const runOptions = {
  config: valueOr({
    long: "config",
    short: "c",
    value: "FILE",
    summary: "Connector file",
    parse: nonEmpty,
    default: SAMPLE,
  }),
  secrets: value({
    long: "secrets",
    short: "s",
    value: "FILE",
    summary: "File of KEY=VALUE lines with the values of the secrets; default: the environment",
    parse: nonEmpty,
  }),
  ...formerBuildOptions,
};

/** `cdk test`: builds the project and runs it here. */
export const cdkTest = command({
  noun: "test",
  summary: "Build the connector of this folder and run it in the foreground",
  options: runOptions,
  examples: [{ command: "cdk test -c sample-config.yaml" }],
  run: async ({ config, secrets }, io) => {
    const { buildConnectorHere } = await import("./build.ts");
    await buildConnectorHere(io);
    return await run.run({ config, secrets, type: undefined, package: undefined, arguments: [] }, io);
  },
});

const start = command({
  noun: "deploy",
  verb: "start",
  summary: "Run a connector in the background on this machine",
  description:
    "Starts a connector as a process of its own that goes on when the terminal is closed, on the active profile's cluster. Unlike " +
    "connectors of the cluster it is not started again when it fails.",
  options: {
    ...runOptions,
    ipkg: value({
      long: "ipkg",
      value: "FILE",
      summary: "A package as `npm pack` makes it, in place of the type in the file",
      parse: nonEmpty,
    }),
    logLevel: value({
      long: "log-level",
      value: "level",
      summary: "Level of its log",
      parse: oneOf(...LEVELS),
      choices: LEVELS,
    }),
  },
  run: async ({ config: path, secrets, ipkg, logLevel }, io) => {
    const { startDeployment } = await import("../../../cdk/index.ts");
    const connector = await loadUserConnector(io, path, secrets);
    const config = withPackage(connector.config, ipkg, io);
    const { name } = config;
    await check(path, { ...connector, config }, io);
    const logFile = join(io.cwd, `${name}.log`);
    const configFile = resolve(io.cwd, path);
    const deployment = await startDeployment(indexDir(io), {
      name,
      configFile,
      logFile,
      cwd: io.cwd,
      env: { ...io.env, ...(logLevel === undefined ? {} : { RUST_LOG: logLevel }) },
      argv: [
        ...givenGlobals(io),
        ...["connector", "run", "--config", configFile],
        ...(secrets === undefined ? [] : ["--secrets", resolve(io.cwd, secrets)]),
        ...(ipkg === undefined ? [] : ["--package", resolve(io.cwd, ipkg)]),
      ],
    });
    io.stdout.print(`Log file: ${deployment.logFile}`);
    io.stdout.print(`Connector runs with process id: ${deployment.processId}`);
    io.stdout.print(`Started connector \`${name}\``);
    return 0;
  },
});

/** What can be found wrong without running it is told here, and not in its log. @throws FLV_CONNECTOR_INVALID | FLV_PACKAGE */
async function check(path: string, { config, content, lookup }: UserConnector, io: Io): Promise<void> {
  const { planTrial, withLine } = await import("../../../connector/index.ts");
  const write = (line: string) => void io.stderr.write(line);
  try {
    await planTrial({ config, file: path, lookup, baseDir: io.baseDir, write });
    await refuseUnknownModules(config, { file: path }, io);
  } catch (error) {
    throw withLine(error, content, path);
  }
}

/** Where the index is: the folder for temporary files. */
const indexDir = (io: Io): string => io.env.TMPDIR ?? tmpdir();

/** The options that say which cluster, as words. */
function givenGlobals(io: Io): readonly string[] {
  return Object.entries(globalOptions).flatMap(([key, { long }]) => {
    const given = io.globals[key as keyof typeof io.globals];
    return given === undefined || given === false ? [] : [given === true ? `--${long}` : `--${long}=${given}`];
  });
}

const list = command({
  noun: "deploy",
  verb: "list",
  summary: "List the connectors that were started in the background",
  run: async (_input, io) => {
    const { deployments } = await import("../../../cdk/index.ts");
    const found = await deployments(indexDir(io));
    if (found.length === 0) io.stdout.print("No connectors found");
    else {
      const rows = found.map(({ name, isRunning }) => [name, isRunning ? "Running" : "Stopped"]);
      await io.stdout.write(renderTable(["NAME", "STATUS"], rows));
    }
    return 0;
  },
});

const oneOptions = {
  config: value({ long: "config", short: "c", value: "FILE", summary: "File of the connector", parse: nonEmpty }),
  name: value({ long: "name", short: "n", value: "NAME", summary: "Name of the connector", parse: nonEmpty }),
};

/** @throws FLV_CONNECTOR_NOT_FOUND */
async function findDeployment(
  { config: path, name: given }: { readonly config: string | undefined; readonly name: string | undefined },
  io: Io,
): Promise<Deployment> {
  const { deployments } = await import("../../../cdk/index.ts");
  const name = given ?? (await loadUserConnector(io, path ?? SAMPLE, undefined)).config.name;
  const all = await deployments(indexDir(io));
  const found = all.find((one) => one.name === name);
  if (found !== undefined) return found;
  const similar = nearest(
    name,
    all.map((one) => one.name),
  );
  throw flvError("FLV_CONNECTOR_NOT_FOUND", `Connector not found: ${name}`, {
    details: { name },
    hint: similar === undefined ? "see them with `cdk deploy list`" : `did you mean "${similar}"?`,
  });
}

const log = command({
  noun: "deploy",
  verb: "log",
  summary: "Print the log of a connector that was started in the background",
  options: oneOptions,
  run: async (input, io) => {
    const { logFile } = await findDeployment(input, io);
    await io.stdout.write(await readUserFile(io, logFile));
    return 0;
  },
});

const shutdown = command({
  noun: "deploy",
  verb: "shutdown",
  summary: "End a connector that was started in the background",
  options: oneOptions,
  run: async (input, io) => {
    const { shutdownDeployment } = await import("../../../cdk/index.ts");
    const found = await findDeployment(input, io);
    io.stdout.print(`Shutting down connector: ${found.name}`);
    io.stdout.print(`  process id: ${found.processId}`);
    io.stdout.print(`  log file: ${found.logFile}`);
    await shutdownDeployment(indexDir(io), found);
    return 0;
  },
});

export const deployCommands: readonly Command[] = [start, list, log, shutdown];
