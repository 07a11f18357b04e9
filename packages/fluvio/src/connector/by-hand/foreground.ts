import { createHash } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { FluvioOptions } from "../../client/index.ts";
import { userPackages } from "../../npm/index.ts";
import { flvError, type Logger } from "../../protocol/index.ts";
import type { ConnectorDefinition } from "../define.ts";
import type { ConnectorConfig } from "../file/config.ts";
import { resolveSecrets } from "../file/secrets.ts";
import { logLevel } from "../options/common-parameters.ts";
import { withoutSecrets } from "../options/validate.ts";
import { newCounters } from "../run/counters.ts";
import { fileMarker, type StartMarker } from "../run/first-positions.ts";
import { hider } from "../run/hide.ts";
import { lineLogger } from "../run/line-logger.ts";
import { runConnector } from "../run/runner.ts";

export interface ForegroundOptions {
  readonly config: ConnectorConfig;
  /** Name of the file, for messages. */
  readonly file: string;
  /** Values of secrets that the configuration only declares. */
  lookup(name: string): string | undefined;
  /** Which cluster; what the profile says now stays so for the whole run. */
  readonly connection: Pick<FluvioOptions, "address" | "profile" | "configPath" | "tls">;
  /** Folder of the user's, `~/.fluvio`: remembers first starts, holds packages. */
  readonly baseDir: string;
  /** Log level where the configuration names none. */
  readonly rustLog: string | undefined;
  /** Takes whole lines of the log. */
  write(line: string): void;
  readonly signal: AbortSignal;
  /** Default: what the type names. */
  readonly definition?: ConnectorDefinition;
}

/** A connector that is told to stop and does not is given up after this long. */
const STOP_TIMEOUT_MS = 15_000;

/**
 * Runs a connector in this process, without the cluster's supervisor, until its system has no more to give or the signal
 * aborts; what is in hand then is still worked off. Positions are kept in the cluster under the connector's name.
 * @throws why it cannot go on: nothing starts it again
 */
export async function runForeground(options: ForegroundOptions): Promise<void> {
  const { config, file, signal, baseDir, connection, definition } = options;
  const secrets = resolveSecrets(config, options.lookup, file, "here");
  const hide = hider(Object.values(secrets));
  const logger = lineLogger({
    level: logLevel(config, options.rustLog),
    write: options.write,
    hide,
  });
  const marker = await foregroundMarker(options, logger);
  const running = runConnector(
    {
      config,
      file,
      secrets,
      connection,
      logger,
      signal,
      report: () => {},
      marker,
      packages: userPackages(join(baseDir, "packages"), (sentence) => logger.info({}, sentence)),
      ...(definition === undefined ? {} : { definition }),
    },
    newCounters(),
  );
  try {
    await untilStopped(running, signal, logger);
  } catch (error) {
    throw withoutSecrets(error, hide);
  }
}

async function untilStopped(running: Promise<void>, signal: AbortSignal, logger: Logger): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const stopping = () => {
      logger.info({}, "Stop signal received, shutting down connector.");
      const error = flvError("FLV_TIMEOUT", `The connector did not stop within ${STOP_TIMEOUT_MS} ms`);
      timer = setTimeout(() => reject(error), STOP_TIMEOUT_MS);
    };
    if (signal.aborted) stopping();
    else signal.addEventListener("abort", stopping, { once: true });
  });
  try {
    await Promise.race([running, late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Remembers first starts by connector and cluster. A folder that cannot be written to, as in a container, costs this
 * alone: a sink that was stopped before its first record begins at the end again.
 */
async function foregroundMarker(
  { config, baseDir, connection }: ForegroundOptions,
  logger: Logger,
): Promise<StartMarker> {
  const cluster = connection.address ?? connection.profile ?? connection.configPath ?? "";
  const key = createHash("sha256").update(cluster).digest("hex").slice(0, 8);
  const dir = join(baseDir, "connectors");
  const marker = fileMarker(join(dir, `${config.name}-${key}.begun`));
  return {
    isSet: marker.isSet,
    set: async () => {
      try {
        await mkdir(dir, { recursive: true });
        await marker.set();
      } catch (error) {
        logger.debug({ error }, "the first start cannot be remembered");
      }
    },
  };
}
