import { readFile } from "node:fs/promises";
import { userPackages } from "../npm/index.ts";
import { isFluvioError } from "../protocol/index.ts";
import { loadDefinition } from "./catalogue/catalogue.ts";
import type { ConnectorConfig } from "./file/config.ts";
import { loadConnectorFile } from "./file/load.ts";
import { parseSecretsFile, resolveSecrets, withSecrets } from "./file/secrets.ts";
import { hiddenTexts, shownConfig } from "./file/shown-config.ts";
import { logLevel } from "./options/common-parameters.ts";
import { validateConnector } from "./options/validate.ts";
import { countersMessage, newCounters } from "./run/counters.ts";
import type { StartMarker } from "./run/first-positions.ts";
import { hider } from "./run/hide.ts";
import { errorText, lineLogger } from "./run/line-logger.ts";
import { runConnector, type SwitchModule } from "./run/runner.ts";
import { type CheckAnswer, refusal } from "./supervise/check-process.ts";
import {
  HEARTBEAT_INTERVAL_MS,
  isStartMessage,
  isSupervisorMessage,
  type RunnerMessage,
  type StartMessage,
} from "./supervise/ipc.ts";
import { type Link, linkToSupervisor } from "./supervise/link.ts";

/*
 * A connector's process: `runner-main.js --config PATH [--endpoint HOST:PORT] [--secrets PATH] [--packages DIR]`; with `--check` it only checks the configuration. Secrets come from the file, the secrets file or the
 * environment; with `--managed` they and the configuration come from the supervisor, and PATH is only for people to read.
 * With `--stdio` the supervisor is at the other end of standard input and output, else of the channel to the parent.
 */

/** A process that is told to stop and does not is ended after this long. */
const STOP_TIMEOUT_MS = 15_000;

// The reader of the log may be gone before us.
process.stderr.on("error", () => {});
process.exit(await main(process.argv.slice(2)));

async function main(argv: readonly string[]): Promise<number> {
  const options = parseArguments(argv);
  if (options === undefined) {
    process.stderr.write("the following required arguments were not provided: --config <PATH>\n");
    return 1;
  }
  let logger = lineLogger({ level: "info", write: (line) => process.stderr.write(line) });
  const link = linkToSupervisor(options.isStdio ? "stdio" : "ipc");
  const report = (message: RunnerMessage): void => void link?.send(message);
  const answer = async (message: RunnerMessage | CheckAnswer): Promise<void> => await link?.send(message);
  const counters = newCounters();
  const beat = (): RunnerMessage => ({ type: "heartbeat", counters: countersMessage(counters) });
  const heartbeat = setInterval(() => report(beat()), HEARTBEAT_INTERVAL_MS);
  heartbeat.unref();
  try {
    const packages = userPackages(options.packages, (sentence) => logger.info({}, sentence));
    const { config, secrets, hasBegun } =
      options.isManaged && link !== undefined ? await fromSupervisor(link) : await fromFiles(options);
    if (options.check) {
      const shown = await validateConnector(config, "connector", { lookup: (name) => secrets[name], packages });
      await answer({ type: "checked", shown: JSON.stringify(shown) });
      return 0;
    }
    const level = logLevel(config, process.env.RUST_LOG);
    const write = (line: string) => process.stderr.write(line);
    logger = lineLogger({ level, write, hide: hider(Object.values(secrets)) });
    const definition = await loadDefinition(withSecrets(config, secrets), options.config, packages);
    const hidden = [...Object.values(secrets), ...hiddenTexts(config, shownConfig(config, definition))];
    logger = lineLogger({ level, write, hide: hider(hidden) });
    logger.info({}, `Reading config file from: ${options.config}`);
    await runConnector(
      {
        config,
        file: options.config,
        secrets,
        endpoint: options.endpoint,
        logger,
        signal: stopSignal(() => logger, link),
        report,
        onSwitchable: (switchModule) => followSwitches(switchModule, link),
        marker: linkedMarker(hasBegun, link),
        packages,
        definition,
      },
      counters,
    );
    await answer(beat());
    return 0;
  } catch (error) {
    if (options.check) {
      await answer(refusal(error));
      return 1;
    }
    logger.error({}, errorText(error));
    report(beat());
    await answer(endingOf(error));
    return 1;
  }
}

interface Given {
  readonly config: ConnectorConfig;
  /** Values of all secrets that it uses. */
  readonly secrets: Readonly<Record<string, string>>;
  /** Whether an earlier life began to read. */
  readonly hasBegun: boolean;
}

async function fromFiles({ config: path, secrets: secretsPath }: Arguments): Promise<Given> {
  const config = loadConnectorFile(await readFile(path, "utf8"), path);
  const fromFile =
    secretsPath === undefined
      ? new Map<string, string>()
      : parseSecretsFile(await readFile(secretsPath, "utf8"), secretsPath);
  const secrets = resolveSecrets(config, (name) => fromFile.get(name) ?? process.env[name], path, "here");
  return { config, secrets, hasBegun: false };
}

/** What the supervisor says first. Code that looks for its secrets in the environment finds them there as well. */
async function fromSupervisor(link: Link): Promise<Given> {
  const { config, secrets, hasBegun } = await new Promise<StartMessage>((resolve) => {
    link.onMessage((message) => {
      if (isStartMessage(message)) resolve(message);
    });
  });
  Object.assign(process.env, secrets);
  return { config: loadConnectorFile(config, "connector"), secrets, hasBegun };
}

/** First starts are remembered by the supervisor. */
function linkedMarker(hasBegun: boolean, link: Link | undefined): StartMarker {
  return { isSet: async () => hasBegun, set: async () => await link?.send({ type: "begun" } satisfies RunnerMessage) };
}

function endingOf(error: unknown): RunnerMessage {
  const reason = errorText(error);
  const code = isFluvioError(error) ? error.code : undefined;
  if (code === "FLV_CONNECTOR_STOPPED") return { type: "stopped", reason };
  return { type: "failed", reason, permanent: code === "FLV_CONNECTOR_INVALID" };
}

/** From now on the supervisor's word that a SmartModule has new code is followed. */
function followSwitches(switchModule: SwitchModule, link: Link | undefined): void {
  const report = (message: RunnerMessage): void => void link?.send(message);
  link?.onMessage((message) => {
    if (!isSupervisorMessage(message)) return;
    const { id, name } = message;
    switchModule(name).then(
      (inUse) => report({ type: "switched", id, inUse }),
      (error: unknown) => report({ type: "switched", id, inUse: true, reason: errorText(error) }),
    );
  });
}

interface Arguments {
  readonly config: string;
  readonly endpoint: string | undefined;
  readonly secrets: string | undefined;
  /** Folder of drivers and packages that are not part of the product. */
  readonly packages: string | undefined;
  readonly check: boolean;
  /** Configuration and secrets come from the supervisor. */
  readonly isManaged: boolean;
  readonly isStdio: boolean;
}

function parseArguments(argv: readonly string[]): Arguments | undefined {
  const after = (flag: string): string | undefined => {
    const at = argv.indexOf(flag);
    return at < 0 ? undefined : argv[at + 1];
  };
  const isManaged = argv.includes("--managed");
  const config = after("--config") ?? (isManaged ? "connector" : undefined);
  if (config === undefined) return undefined;
  return {
    config,
    endpoint: after("--endpoint"),
    secrets: after("--secrets"),
    packages: after("--packages"),
    check: argv.includes("--check"),
    isManaged,
    isStdio: argv.includes("--stdio"),
  };
}

/** Aborts on SIGTERM and SIGINT. Without its supervisor the process ends at once: a connector never outlives its cluster. */
function stopSignal(
  logger: () => { info(details: object, message: string): void },
  link: Link | undefined,
): AbortSignal {
  const controller = new AbortController();
  const stop = (): void => {
    if (controller.signal.aborted) return;
    logger().info({}, "Stop signal received, shutting down connector.");
    controller.abort();
    setTimeout(() => process.exit(1), STOP_TIMEOUT_MS).unref();
  };
  process.once("SIGTERM", stop);
  process.once("SIGINT", stop);
  link?.onClose(() => process.exit(1));
  return controller.signal;
}
