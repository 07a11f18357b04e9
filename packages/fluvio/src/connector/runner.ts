import { readFile, stat } from "node:fs/promises";
import {
  Fluvio,
  type FluvioClient,
  parseSizeBytes,
  type SmartModuleStep,
  type TopicProducer,
} from "../client/index.ts";
import { flvError, isFluvioError, type Logger } from "../protocol/index.ts";
import { loadDefinition } from "./catalogue.ts";
import { checkOptions } from "./check.ts";
import { type ModuleReference, moduleReferences } from "./common-parameters.ts";
import type { ConnectorConfig } from "./config.ts";
import type { SourceDefinition, SourceRecord } from "./define.ts";
import { parseDuration } from "./durations.ts";
import type { RunnerMessage } from "./ipc.ts";
import { errorText } from "./line-logger.ts";
import { fillSecrets } from "./secrets.ts";
import { ensureTopic } from "./topic.ts";

export interface RunOptions {
  readonly config: ConnectorConfig;
  /** Name of the configuration file, for messages. */
  readonly file: string;
  /** Values of the declared secrets. */
  readonly secrets: Readonly<Record<string, string>>;
  /** `host:port` of the cluster; without it the active profile decides. */
  readonly endpoint?: string | undefined;
  readonly logger: Logger;
  /** Aborted to stop: what is queued is still sent. */
  readonly signal: AbortSignal;
  report(message: RunnerMessage): void;
  /** Default: the catalogue's. */
  readonly definition?: SourceDefinition;
}

/** Counters of one run. */
export interface RunCounters {
  records: number;
  /** Records that a SmartModule failed on; each is in the log and not in the topic. */
  recordErrors: number;
}

/** Largest record a connector sends, bytes: connectors bring whole documents. */
const RECORD_SIZE_BYTES_MAX = 16 * 1024 * 1024;
/** How long `aggregate-initial-value: use-last` waits for the topic's last record. */
const LAST_RECORD_TIMEOUT_MS = 3000;
/** How long the queue may take to empty once the connector is told to stop. */
const DRAIN_TIMEOUT_MS = 10_000;

/**
 * Runs one source connector until its system has no more to give, the signal aborts or it fails.
 *
 * A record on which a SmartModule reports an error is written to the log with module, offset, key and value, counted,
 * and left out of the topic; the connector goes on. A module that traps or exceeds a limit ends the connector.
 *
 * @throws FLV_CONNECTOR_INVALID for a configuration that can never work; otherwise whatever stopped the connector
 */
export async function runConnector(options: RunOptions, counters: RunCounters): Promise<void> {
  const { config, logger, file, signal } = options;
  const filled = { ...config, parameters: fillSecrets(config.parameters, options.secrets, file) };
  const definition = options.definition ?? (await loadDefinition(filled, file));
  const sourceConfig = checkOptions(definition, filled, file);
  const references = moduleReferences(filled, file);
  await using client = await Fluvio.connect({
    clientId: `fluvio_connector_${config.name}`,
    logger,
    signal,
    ...(options.endpoint === undefined ? {} : { address: options.endpoint }),
  });
  await ensureTopic(client, filled, logger);
  const steps = await loadModules(client, config.topic, references, file);
  const producer = await client.topicProducer(config.topic, producerOptions(filled, steps));
  const failure = new AbortController();
  const stop = AbortSignal.any([signal, failure.signal]);
  const sender = recordSender(producer, counters, logger, (error) => failure.abort(error));
  logger.info(
    { conn_type: config.type, conn_name: config.name, conn_version: definition.version, topic: config.topic },
    "Starting Processing",
  );
  options.report({ type: "running" });
  try {
    await definition.run({
      config: sourceConfig,
      name: config.name,
      topic: config.topic,
      logger,
      signal: stop,
      ...sender,
    });
  } catch (error) {
    if (failure.signal.aborted) throw failure.signal.reason;
    if (!signal.aborted) throw error;
    if (error !== signal.reason && !isAbort(error)) logger.warn({ error }, "stopping interrupted the connector");
  } finally {
    await drain(producer, logger);
  }
  if (failure.signal.aborted) throw failure.signal.reason;
  if (!signal.aborted) {
    logger.info({ records: counters.records }, "Connector arrived at end of stream");
    options.report({ type: "finished" });
  }
}

function isAbort(error: unknown): boolean {
  return (
    (error instanceof Error && error.name === "AbortError") || (isFluvioError(error) && error.code === "FLV_ABORTED")
  );
}

async function drain(producer: TopicProducer, logger: Logger): Promise<void> {
  try {
    await producer.flush({ signal: AbortSignal.timeout(DRAIN_TIMEOUT_MS) });
  } catch (error) {
    logger.error({ error }, "records in the queue could not be delivered");
    throw error;
  } finally {
    await producer.close().catch(() => {
      // The flush above has told why.
    });
  }
}

function producerOptions(config: ConnectorConfig, smartmodules: readonly SmartModuleStep[]) {
  const { linger, compression } = config.producer ?? {};
  const batchSize = config.producer?.["batch-size"];
  return {
    maxRequestSizeBytes: RECORD_SIZE_BYTES_MAX,
    ...(linger === undefined ? {} : { lingerMs: parseDuration(linger) }),
    ...(batchSize === undefined ? {} : { batchSizeBytes: parseSizeBytes(batchSize) }),
    ...(compression === undefined ? {} : { compression }),
    ...(smartmodules.length === 0 ? {} : { smartmodules, smartmodulesAt: "client" as const }),
  };
}

/** `send` and `flush` of a source's context. Delivery errors end the connector through `fail`. */
function recordSender(
  producer: TopicProducer,
  counters: RunCounters,
  logger: Logger,
  fail: (error: unknown) => void,
): { send(record: SourceRecord): Promise<void>; flush(): Promise<void> } {
  const failed = (error: unknown) => {
    if (isRecordError(error)) {
      counters.recordErrors++;
      logger.error(
        { error: errorText(error), ...error.details },
        "SmartModule failed on a record; it is not in the topic",
      );
    } else {
      fail(error);
    }
  };
  return {
    send: async (record) => {
      try {
        const output = await producer.send(record.key, record.value);
        counters.records++;
        output.wait().catch(failed);
      } catch (error) {
        failed(error);
        if (!isRecordError(error)) throw error;
      }
    },
    flush: async () => {
      try {
        await producer.flush();
      } catch (error) {
        if (!isRecordError(error)) throw error;
      }
    },
  };
}

/** A module's own error on one record, which carries that record; a trap or a crossed limit carries none. */
function isRecordError(error: unknown): error is ReturnType<typeof flvError> {
  return isFluvioError(error) && error.code === "FLV_SMARTMODULE_RUNTIME" && "value" in error.details;
}

async function loadModules(
  client: FluvioClient,
  topic: string,
  references: readonly ModuleReference[],
  file: string,
): Promise<readonly SmartModuleStep[]> {
  const steps: SmartModuleStep[] = [];
  for (const reference of references) {
    const wasm = reference.mayBePath ? await readIfFile(reference.uses) : undefined;
    const initial = reference.aggregateInitial;
    const aggregateInitial = initial === "use-last" ? await lastValue(client, topic, file) : initial;
    steps.push({
      name: reference.uses,
      params: reference.params,
      ...(wasm === undefined ? {} : { wasm }),
      ...(reference.lookback === undefined ? {} : { lookback: reference.lookback }),
      ...(aggregateInitial === undefined ? {} : { aggregateInitial }),
    });
  }
  return steps;
}

async function readIfFile(path: string): Promise<Uint8Array | undefined> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined || !found.isFile()) return undefined;
  return await readFile(path);
}

/** Value of the last record of the topic; nothing for an empty topic. */
async function lastValue(client: FluvioClient, topic: string, file: string): Promise<Uint8Array | undefined> {
  const offsets = await client.partitionOffsets(topic);
  const stored = offsets.find((one) => one.endOffset > one.startOffset);
  if (stored === undefined) return undefined;
  await using consumer = await client.consumer({
    topic,
    partitions: stored.partition,
    offset: { fromEnd: 1 },
    disableContinuous: true,
    signal: AbortSignal.timeout(LAST_RECORD_TIMEOUT_MS),
  });
  for await (const record of consumer) return Uint8Array.from(record.value);
  throw flvError("FLV_TIMEOUT", `The last record of topic ${topic} could not be read for \`use-last\` in ${file}`, {
    hint: "Give the value itself: aggregate-initial-value: VALUE",
    retriable: true,
  });
}
