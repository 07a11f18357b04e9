import { type FluvioClient, parseSizeBytes, type SmartModuleStep, type TopicProducer } from "../client/index.ts";
import { type FluvioError, isFluvioError, type Logger } from "../protocol/index.ts";
import type { ConnectorConfig } from "./config.ts";
import type { Checkpoint, SourceRecord } from "./define.ts";
import { parseDuration } from "./durations.ts";
import { errorText } from "./line-logger.ts";

export interface SourceRunOptions {
  readonly client: FluvioClient;
  readonly config: ConnectorConfig;
  /** Applied here, before records are sent. */
  readonly smartmodules: readonly SmartModuleStep[];
  readonly logger: Logger;
  readonly counters: { records: number; recordErrors: number };
  /** Called when records cannot be delivered: the connector has to end. */
  fail(error: unknown): void;
}

/** Largest record a connector sends, bytes: connectors bring whole documents. */
const RECORD_SIZE_BYTES_MAX = 16 * 1024 * 1024;
/** How long the queue may take to empty once the connector is told to stop. */
const DRAIN_TIMEOUT_MS = 10_000;

/**
 * Sends what a source hands over. A record on which a SmartModule reports an error is written to the log with module,
 * offset, key and value, counted, and left out of the topic; the others go on.
 */
export class SourceRunner {
  readonly #run: SourceRunOptions;
  readonly #producer: TopicProducer;
  #places: Promise<void> = Promise.resolve();

  private constructor(run: SourceRunOptions, producer: TopicProducer) {
    this.#run = run;
    this.#producer = producer;
  }

  static async open(run: SourceRunOptions): Promise<SourceRunner> {
    const producer = await run.client.topicProducer(run.config.topic, producerOptions(run.config, run.smartmodules));
    return new SourceRunner(run, producer);
  }

  /** {@link SourceContext.send} */
  async send(record: SourceRecord): Promise<void> {
    try {
      const output = await this.#producer.send(record.key, record.value);
      this.#run.counters.records++;
      output.wait().catch((error: unknown) => this.#failed(error));
    } catch (error) {
      this.#failed(error);
      if (!isRecordError(error)) throw error;
    }
  }

  /** {@link SourceContext.flush} */
  async flush(): Promise<void> {
    try {
      await this.#producer.flush();
    } catch (error) {
      if (!isRecordError(error)) throw error;
    }
  }

  /** {@link SourceContext.checkpoint} */
  checkpoint(place: Checkpoint): void {
    this.#places = this.#places
      .then(async () => {
        await this.flush();
        await place.stored?.();
      })
      .catch((error: unknown) => this.#run.fail(error));
  }

  /** Loads the SmartModules of the cluster anew. @throws why they cannot run; then those of before go on */
  reloadModules(): Promise<void> {
    return this.#producer.reloadSmartModules();
  }

  /** Sends what is queued and ends. @throws what kept it from being delivered */
  async drain(): Promise<void> {
    const { logger } = this.#run;
    try {
      await this.#producer.flush({ signal: AbortSignal.timeout(DRAIN_TIMEOUT_MS) });
    } catch (error) {
      if (isRecordError(error)) return;
      logger.error({ error }, "records in the queue could not be delivered");
      throw error;
    } finally {
      await this.#producer.close().catch(() => {
        // The flush above has told why.
      });
    }
  }

  #failed(error: unknown): void {
    const { counters, logger, fail } = this.#run;
    if (!isRecordError(error)) {
      fail(error);
      return;
    }
    counters.recordErrors++;
    const sentence = "SmartModule failed on a record; it is not in the topic";
    logger.error({ error: errorText(error), ...error.details }, sentence);
  }
}

/** A module's own error on one record, which carries that record; a trap or a crossed limit carries none. */
function isRecordError(error: unknown): error is FluvioError {
  return isFluvioError(error) && error.code === "FLV_SMARTMODULE_RUNTIME" && "value" in error.details;
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
