import { command, optionalArgs, value } from "../../command.ts";
import { type ClusterChoice, clusterChoice } from "../../connection.ts";
import type { Io } from "../../io.ts";
import { nonEmpty } from "../../values.ts";
import { fileOptions } from "./connector-options.ts";
import { refuseUnknownModules } from "./known-modules.ts";

const EITHER = "the following required arguments were not provided:\n  --config <FILE>";

export const run = command({
  noun: "connector",
  verb: "run",
  summary: "Run a connector here, in the foreground, without the cluster's supervisor",
  description:
    "Runs a connector in this process on the active profile's cluster until Ctrl-C or SIGTERM; what is in hand then is still " +
    "worked off. The log goes to standard output. With --type the connector takes its parameters as arguments behind `--`, as its " +
    "container does: `-- --help` lists them, `-- metadata` prints name, direction, version and their JSON Schema. Positions " +
    "are kept in the cluster under the connector's name; a failure is not tried again: the exit code is then 1.",
  args: {
    arguments: optionalArgs({ name: "ARGS", summary: "With --type, behind `--`: --key=value for each parameter" }),
  },
  options: {
    ...fileOptions,
    type: value({
      long: "type",
      value: "TYPE",
      summary: "Connector whose parameters are given as arguments, such as http or npm:PACKAGE",
      parse: nonEmpty,
      conflicts: ["config"],
    }),
    package: value({
      long: "package",
      value: "FILE",
      summary: "A package as `npm pack` makes it, in place of the type in the file",
      parse: nonEmpty,
      conflicts: ["type"],
    }),
  },
  examples: [
    { command: "fluvio connector run --config=./connect.yml" },
    {
      text: "as in a container",
      command:
        'fluvio connector run --type http -- --endpoint="https://catfact.ninja/fact" --fluvio-topic=cat-facts --interval=10',
    },
  ],
  check: ({ config, type, arguments: words }) => {
    if (config === undefined && type === undefined) return EITHER;
    return type === undefined && words.length > 0 ? `unexpected argument '${words[0]}' found` : undefined;
  },
  run: async ({ config, type, package: tarball, secrets, arguments: words }, io) => {
    const around = {
      connection: await clusterChoice(io.globals, io.configPath),
      baseDir: io.baseDir,
      signal: io.signal,
      write: (text: string) => void io.stdout.write(text),
    };
    try {
      if (type === undefined) await runFile(config ?? "", { secrets, tarball }, io, around);
      else {
        const { absolutePackageType, runByHand } = await import("../../../connector/index.ts");
        const argv = secrets === undefined ? words : [...words, `--secrets=${secrets}`];
        const usage = `fluvio connector run --type ${type} --`;
        await runByHand({ ...around, type: absolutePackageType(type, io.cwd), argv, env: io.env, usage });
      }
    } catch (error) {
      // Ctrl-C is how a connector in the foreground ends.
      if (!io.signal.aborted || error !== io.signal.reason) throw error;
    }
    return 0;
  },
});

interface Around {
  readonly connection: ClusterChoice;
  readonly baseDir: string;
  readonly signal: AbortSignal;
  write(text: string): void;
}

interface FileRun {
  readonly secrets: string | undefined;
  /** Package in place of the type in the file. */
  readonly tarball: string | undefined;
}

async function runFile(path: string, { secrets, tarball }: FileRun, io: Io, around: Around): Promise<void> {
  const { runForeground, withLine } = await import("../../../connector/index.ts");
  const { loadUserConnector, withPackage } = await import("./user-file.ts");
  const { config: written, content, lookup } = await loadUserConnector(io, path, secrets);
  const config = withPackage(written, tarball, io);
  try {
    await refuseUnknownModules(config, { file: path }, io);
    await runForeground({ ...around, config, file: path, lookup, rustLog: io.env.RUST_LOG });
  } catch (error) {
    throw withLine(error, content, path);
  }
}
