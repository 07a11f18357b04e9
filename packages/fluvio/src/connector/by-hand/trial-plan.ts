import { join } from "node:path";
import type { FluvioClient, SmartModuleStep } from "../../client/index.ts";
import { userPackages } from "../../npm/index.ts";
import type { Logger } from "../../protocol/index.ts";
import { driversOf, loadDefinition } from "../catalogue/catalogue.ts";
import { withDrivers } from "../catalogue/drivers.ts";
import type { ConnectorDefinition } from "../define.ts";
import type { ConnectorConfig } from "../file/config.ts";
import { resolveSecrets, withSecrets } from "../file/secrets.ts";
import { hiddenTexts, shownConfig } from "../file/shown-config.ts";
import { checkOptions } from "../options/check.ts";
import { moduleReferences } from "../options/common-parameters.ts";
import { errorOptions } from "../options/error-options.ts";
import { sinkOptions } from "../options/sink-options.ts";
import { withoutSecrets } from "../options/validate.ts";
import { hider } from "../run/hide.ts";
import { lineLogger } from "../run/line-logger.ts";
import { loadModules } from "../run/load-modules.ts";
import type { TrialOptions } from "./trial.ts";

export interface TrialPlanOptions {
  readonly config: ConnectorConfig;
  /** Name of the file, for messages. */
  readonly file: string;
  lookup(name: string): string | undefined;
  /** Folder of the user's, `~/.fluvio`: holds packages. */
  readonly baseDir: string;
  /** Takes the lines of the connector's log. */
  write(line: string): void;
}

/** A checked configuration, ready to be tried out. */
export interface TrialPlan {
  readonly definition: ConnectorDefinition;
  /** For {@link trySource} and {@link trySink}. */
  readonly options: Required<Pick<TrialOptions, "parameters" | "secrets" | "logger">>;
  /** Partitions that a sink reads; `undefined`: all. */
  readonly partitions: readonly number[] | undefined;
  /** Hides secrets in what the connector says. */
  hide(text: string): string;
  /** The chain. @param client looks up what only the cluster knows */
  steps(client: FluvioClient | undefined): Promise<readonly SmartModuleStep[]>;
  /** Runs the connector's code. */
  run<T>(work: () => Promise<T>): Promise<T>;
}

/** Checks a configuration and loads its connector. @throws FLV_CONNECTOR_INVALID | FLV_PACKAGE */
export async function planTrial(options: TrialPlanOptions): Promise<TrialPlan> {
  const { config, file, write } = options;
  const secrets = resolveSecrets(config, options.lookup, file, "here");
  const packages = userPackages(join(options.baseDir, "packages"), (sentence) => write(`${sentence}\n`));
  const filled = withSecrets(config, secrets);
  const definition = await loadDefinition(filled, file, packages);
  const hide = hider([...Object.values(secrets), ...hiddenTexts(config, shownConfig(config, definition))]);
  const logger: Logger = lineLogger({ level: "warn", write, hide });
  try {
    checkOptions(definition, filled, file, secrets);
  } catch (error) {
    throw withoutSecrets(error, hide);
  }
  const references = moduleReferences(filled, definition.direction, file);
  errorOptions(filled, definition.direction, file);
  return {
    definition,
    hide,
    options: { parameters: filled.parameters, secrets, logger },
    partitions: definition.direction === "sink" ? sinkOptions(filled, file).partitions : undefined,
    steps: (client) => loadModules(client, config.topic, references, file),
    run: (work) => withDrivers(driversOf(config), packages, work),
  };
}
