import { Fluvio, type FluvioClient, type FluvioOptions, type SmartModuleStep } from "../../client/index.ts";
import type { PackageStore } from "../../npm/index.ts";
import { flvError, isFluvioError, type Logger } from "../../protocol/index.ts";
import { driversOf, loadDefinition } from "../catalogue/catalogue.ts";
import { withDrivers } from "../catalogue/drivers.ts";
import type { ConnectorContext, ConnectorDefinition, SinkDefinition, SourceDefinition } from "../define.ts";
import type { ConnectorConfig } from "../file/config.ts";
import { withSecrets } from "../file/secrets.ts";
import { unusedOptions } from "../file/unused-options.ts";
import { checkOptions } from "../options/check.ts";
import { meansModule, moduleReferences } from "../options/common-parameters.ts";
import { type ErrorOptions, errorOptions } from "../options/error-options.ts";
import { sinkOptions } from "../options/sink-options.ts";
import type { RunnerMessage } from "../supervise/ipc.ts";
import type { RunCounters } from "./counters.ts";
import { END_TIMEOUTS_DEFAULT, type EndTimeouts } from "./end-timeouts.ts";
import type { StartMarker } from "./first-positions.ts";
import { errorText } from "./line-logger.ts";
import { loadModules } from "./load-modules.ts";
import { SinkRunner } from "./sink-runner.ts";
import { SourceRunner } from "./source-runner.ts";
import { ensureTopic } from "./topic.ts";
import { clusterWatch, Troubles } from "./troubles.ts";

export interface RunOptions {
  readonly config: ConnectorConfig;
  /** Name of the configuration file, for messages. */
  readonly file: string;
  /** Values of all secrets that the configuration uses. */
  readonly secrets: Readonly<Record<string, string>>;
  /** `host:port` of the cluster; without it `connection` says which, or the active profile. */
  readonly endpoint?: string | undefined;
  readonly connection?: Pick<FluvioOptions, "address" | "profile" | "configPath" | "tls">;
  readonly logger: Logger;
  /** Aborted to stop: what is in hand is still worked off. */
  readonly signal: AbortSignal;
  report(message: RunnerMessage): void;
  /** Told how to switch a SmartModule while the connector runs. */
  onSwitchable?(switchModule: SwitchModule): void;
  /** Remembers a sink's first start. */
  readonly marker: StartMarker;
  /** Where drivers and packages are installed that are not part of the product. */
  readonly packages: PackageStore;
  /** Default: {@link END_TIMEOUTS_DEFAULT}. */
  readonly endTimeouts?: Partial<EndTimeouts>;
  /** Default: the catalogue's. */
  readonly definition?: ConnectorDefinition;
  /** Between 0 and 1, spreads attempts. Default `Math.random`. */
  readonly random?: () => number;
}

/**
 * Loads a SmartModule of the cluster anew in the running connector, between two batches; aggregates keep their
 * accumulators. Resolves to whether the connector runs it here.
 * @throws why it cannot run; the one of before then goes on
 */
export type SwitchModule = (name: string) => Promise<boolean>;

/** What sources and sinks have in common once everything is checked and connected. */
interface Prepared {
  readonly client: FluvioClient;
  readonly config: ConnectorConfig;
  readonly smartmodules: readonly SmartModuleStep[];
  readonly context: ConnectorContext<Readonly<Record<string, unknown>>>;
  readonly options: RunOptions;
  readonly counters: RunCounters;
  readonly errors: ErrorOptions;
  readonly troubles: Troubles;
}

/**
 * Runs one connector until its system has no more to give, the signal aborts or it fails.
 * @throws FLV_CONNECTOR_INVALID for a configuration that can never work; FLV_CONNECTOR_STOPPED when `on_error: stop` ends
 * it; otherwise whatever stopped it
 */
export async function runConnector(options: RunOptions, counters: RunCounters): Promise<void> {
  const { config, logger, file, signal } = options;
  const filled = withSecrets(config, options.secrets);
  const definition = options.definition ?? (await loadDefinition(filled, file, options.packages));
  const ownConfig = checkOptions(definition, filled, file, options.secrets);
  const references = moduleReferences(filled, definition.direction, file);
  const sink = definition.direction === "sink" ? sinkOptions(filled, file) : undefined;
  const errors = errorOptions(filled, definition.direction, file);
  const troubles = new Troubles((reason) => options.report({ type: "trouble", reason }));
  await using client = await Fluvio.connect({
    clientId: `fluvio_connector_${config.name}`,
    logger,
    signal,
    retry: { watch: clusterWatch(troubles.side()) },
    ...options.connection,
    ...(options.endpoint === undefined ? {} : { address: options.endpoint }),
  });
  counters.modules = () => client.smartModuleTotals();
  await ensureTopic(client, filled, logger);
  const smartmodules = await loadModules(client, config.topic, references, file);
  const trouble = troubles.side();
  const context = { config: ownConfig, name: config.name, topic: config.topic, logger, signal, trouble };
  const prepared: Prepared = { client, config: filled, smartmodules, context, options, counters, errors, troubles };
  logger.info(
    { conn_type: config.type, conn_name: config.name, conn_version: definition.version, topic: config.topic },
    "Starting Processing",
  );
  for (const key of unusedOptions(config, definition.direction)) {
    logger.warn({ key }, `this is not used by a ${definition.direction}`);
  }
  await withDrivers(driversOf(config), options.packages, async () => {
    if (definition.direction === "source") await runSource(definition, prepared).catch(tellDeleted(prepared));
    else await runSink(definition, prepared, sink as NonNullable<typeof sink>);
  });
  if (signal.aborted) return;
  logger.info({ records: counters.records }, "Connector arrived at end of stream");
  options.report({ type: "finished" });
}

async function runSource(definition: SourceDefinition, prepared: Prepared): Promise<void> {
  const { smartmodules, context, options, troubles, counters } = prepared;
  const { logger } = options;
  counters.lagUnit = definition.lagUnit ?? counters.lagUnit;
  const failure = new AbortController();
  const signal = AbortSignal.any([options.signal, failure.signal]);
  const failed = troubles.side();
  const fail = (error: unknown) => {
    // its code may take a while to end
    failed(errorText(error));
    failure.abort(error);
  };
  const trouble = troubles.side();
  const timeouts = { ...END_TIMEOUTS_DEFAULT, ...options.endTimeouts };
  const source = await SourceRunner.open({ ...prepared, logger, stop: options.signal, trouble, fail, timeouts });
  options.onSwitchable?.(async (name) => {
    const isUsed = smartmodules.some((step) => step.wasm === undefined && meansModule(step.name ?? "", name));
    if (!isUsed) return false;
    await source.reloadModules();
    logger.info({ smartmodule: name }, "switched to the new code of a SmartModule");
    return true;
  });
  options.report({ type: "running" });
  try {
    await untilStopped(
      definition.run({
        ...context,
        signal,
        get position() {
          return source.position;
        },
        send: (record) => source.send(record),
        checkpoint: (place) => source.checkpoint(place),
        flush: () => source.flush(),
        lag: (waiting) => {
          counters.lag = waiting;
        },
      }),
      options,
      failure.signal,
      timeouts.sourceMs,
    );
  } finally {
    await source.drain();
  }
  if (failure.signal.aborted) throw failure.signal.reason;
}

const MISSING_CODES: ReadonlySet<string> = new Set([
  "FLV_NOT_LEADER",
  "FLV_TOPIC_NOT_FOUND",
  "FLV_PARTITION_NOT_FOUND",
]);
const FIND_TIMEOUT_MS = 5000;

/** A topic that was deleted looks to a producer like a partition that is led elsewhere: says what it is. @throws always */
function tellDeleted({ client, config }: Prepared): (error: unknown) => Promise<never> {
  return async (error) => {
    if (!isFluvioError(error) || !MISSING_CODES.has(error.code)) throw error;
    const signal = AbortSignal.timeout(FIND_TIMEOUT_MS);
    // a cluster that cannot be asked is no proof
    const isThere = await client
      .admin()
      .findTopic(config.topic, { signal })
      .then(
        (found) => found !== undefined && found.status.resolution !== "deleting",
        () => true,
      );
    if (isThere) throw error;
    // without its cause, which would only be taken for another trouble in the log
    throw flvError("FLV_TOPIC_DELETED", `Topic was deleted: ${config.topic}`, { details: { topic: config.topic } });
  };
}

async function runSink(
  definition: SinkDefinition,
  prepared: Prepared,
  own: ReturnType<typeof sinkOptions>,
): Promise<void> {
  const { client, config, smartmodules, context, options, counters } = prepared;
  await using sink = new SinkRunner({
    client,
    connector: config.name,
    topic: config.topic,
    options: own,
    smartmodules,
    logger: options.logger,
    counters,
    stop: options.signal,
    marker: options.marker,
    random: options.random ?? Math.random,
    trouble: context.trouble,
  });
  // The cluster runs the modules of a sink, and switches them.
  options.onSwitchable?.(async () => false);
  options.report({ type: "running" });
  const timeouts = { ...END_TIMEOUTS_DEFAULT, ...options.endTimeouts };
  let delivering: Promise<void> | undefined;
  const running = definition.run({
    ...context,
    deliver: (write, group) => {
      if (delivering !== undefined) throw flvError("FLV_ARGUMENT", "a sink calls `deliver` once");
      delivering = sink.deliver(write, group);
      return delivering;
    },
  });
  await untilStopped(running, options, new AbortController().signal, timeouts.sinkMs);
}

/**
 * Waits for a connector's own code; once it was told to stop, how it ends is only worth a line in the log. Code that does
 * not end then, because it waits for something that never comes, is left alone.
 */
async function untilStopped(
  running: Promise<void>,
  options: RunOptions,
  failed: AbortSignal,
  endTimeoutMs: number,
): Promise<void> {
  const { signal, logger } = options;
  try {
    await orGivenUp(running, AbortSignal.any([signal, failed]), endTimeoutMs);
  } catch (error) {
    if (failed.aborted) throw failed.reason;
    if (!signal.aborted) throw error;
    if (error !== signal.reason && !isAbort(error)) logger.warn({ error }, "stopping interrupted the connector");
  }
}

/** @throws FLV_TIMEOUT when the work goes on for longer after the signal */
async function orGivenUp(work: Promise<void>, told: AbortSignal, timeoutMs: number): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let onTold = (): void => {};
  const givenUp = new Promise<never>((_, reject) => {
    const giveUp = () => reject(flvError("FLV_TIMEOUT", `the connector did not end within ${timeoutMs} ms`));
    onTold = () => {
      timer = setTimeout(giveUp, timeoutMs);
    };
    if (told.aborted) onTold();
    else told.addEventListener("abort", onTold, { once: true });
  });
  try {
    await Promise.race([work, givenUp]);
  } finally {
    clearTimeout(timer);
    told.removeEventListener("abort", onTold);
  }
}

function isAbort(error: unknown): boolean {
  return (
    (error instanceof Error && error.name === "AbortError") || (isFluvioError(error) && error.code === "FLV_ABORTED")
  );
}
