import {
  AGGREGATE_STATE_TOPIC,
  CONSUMER_OFFSET_TOPIC,
  flvError,
  type Logger,
  silentLogger,
} from "../../protocol/index.ts";
import type { SmartEngine } from "../../smartengine/index.ts";
import { serve } from "../../transport/index.ts";
import { systemClock } from "../clock.ts";
import type { ScToSpu, SpuRequest, StoredModule } from "../link.ts";
import { AggregateStateStore } from "./aggregate-state-store.ts";
import { AggregateStates } from "./aggregate-states.ts";
import { ChainFactory } from "./chains.ts";
import { ConsumerOffsetStore } from "./consumer-offset-store.ts";
import { ConsumerOffsets } from "./consumer-offsets.ts";
import { Deduplications } from "./deduplication.ts";
import { SPU_LIMITS_DEFAULT, type SpuLimits } from "./limits.ts";
import { ModuleCache } from "./module-cache.ts";
import { ReplicaManager } from "./replica-manager.ts";
import { ScClient } from "./sc-client.ts";
import { SpuService } from "./service.ts";
import { SystemTopic } from "./system-topic.ts";
import type { Spu, SpuOptions } from "./types.ts";

const RETENTION_CHECK_MS_DEFAULT = 60_000;
const DRAIN_MS_DEFAULT = 5_000;

/**
 * Starts an SPU: listens, says `hello` to the SC, serves the partitions it is told to.
 * @throws FLV_PORT_IN_USE | FLV_ARGUMENT | FLV_TLS
 */
export async function createSpu(options: SpuOptions): Promise<Spu> {
  const logger = (options.logger ?? silentLogger).child({ spu: options.id });
  const { link } = options;
  const parts = assemble(options, logger);
  const { sc, replicas, service } = parts;
  const server = await serve({
    host: options.host,
    port: options.port,
    ...(options.maxFrameBytes === undefined ? {} : { maxFrameBytes: options.maxFrameBytes }),
    ...(options.tls === undefined ? {} : { tls: options.tls }),
    handle: (header, body, connection) => service.handle(header, body, connection),
    onError: (error, { id, remoteAddress }) => {
      logger.info({ connection: id, remoteAddress, error: String(error) }, "a connection was closed");
    },
  });

  let closing: Promise<void> | undefined;
  let markClosed: () => void = () => {};
  const closed = new Promise<void>((resolve) => {
    markClosed = resolve;
  });
  const close = (drainMs = DRAIN_MS_DEFAULT): Promise<void> => {
    closing ??= (async () => {
      await server.close(drainMs);
      await replicas.close();
      sc.close();
      markClosed();
    })();
    return closing;
  };
  link.send({ type: "hello", spuId: options.id, publicPort: server.port, processId: process.pid });
  sc.listen({
    onMessage: (message) => obey(message, parts, close),
    onRequest: (request) => answer(request, parts),
    onClose: () => void close(),
  });
  return {
    id: options.id,
    port: server.port,
    get connectionCount() {
      return server.connectionCount;
    },
    closed,
    close,
    [Symbol.asyncDispose]: () => close(),
  };
}

interface Parts {
  readonly sc: ScClient;
  readonly modules: ModuleCache;
  readonly offsets: SystemTopic<ConsumerOffsetStore>;
  readonly keptStates: SystemTopic<AggregateStateStore>;
  readonly consumerOffsets: ConsumerOffsets;
  readonly states: AggregateStates;
  readonly replicas: ReplicaManager;
  readonly service: SpuService;
  readonly engine: SmartEngine;
  readonly startedMs: number;
}

function assemble(options: SpuOptions, logger: Logger): Parts {
  const { link, clock = systemClock } = options;
  const limits: SpuLimits = { ...SPU_LIMITS_DEFAULT, ...options.limits };
  const sc = new ScClient(link, limits.scTimeoutMs, logger);
  const modules = new ModuleCache((name) => fetchModule(sc, name), limits.smartModuleBytesMax);
  const offsets = new SystemTopic({
    ...{ topic: CONSUMER_OFFSET_TOPIC, what: "consumer offsets", clock, logger },
    load: (log, logOptions) => ConsumerOffsetStore.load(log, logOptions),
    forgotten: (topic) => link.send({ type: "topicForgotten", topic }),
  });
  const keptStates = new SystemTopic({
    ...{ topic: AGGREGATE_STATE_TOPIC, what: "states of aggregates", clock, logger },
    load: (log, logOptions) => AggregateStateStore.load(log, logOptions),
    forgotten: (topic) => link.send({ type: "statesForgotten", topic }),
  });
  const systemTopics = [offsets, keptStates];
  const consumerOffsets = new ConsumerOffsets(offsets, sc);
  const states = new AggregateStates(keptStates, sc, limits.stateBytesMax);
  const chains = new ChainFactory({ engine: options.engine, modules, limits, clock });
  const deduplications = new Deduplications(chains, logger);
  const replicas = new ReplicaManager({
    storage: options.storage,
    flush: options.flush ?? "always",
    clock,
    logger,
    retentionCheckMs: options.retentionCheckMs ?? RETENTION_CHECK_MS_DEFAULT,
    report: (statuses) => link.send({ type: "replicaStatus", statuses }),
    opened: async (replica) => {
      for (const topic of systemTopics) await topic.opened(replica);
      deduplications.opened(replica);
    },
    ended: (id) => {
      for (const topic of systemTopics) topic.ended(id);
    },
    removed: (id) => link.send({ type: "replicasRemoved", replicas: [id] }),
    beforeRetention: async (replica) => {
      for (const topic of systemTopics) await topic.beforeRetention(replica);
    },
  });
  const service = new SpuService({ replicas, chains, deduplications, consumerOffsets, states, limits, clock, logger });
  const { engine } = options;
  return {
    sc,
    modules,
    offsets,
    keptStates,
    consumerOffsets,
    states,
    replicas,
    service,
    engine,
    startedMs: clock.nowMs(),
  };
}

function obey(
  message: Exclude<ScToSpu, { type: "request" | "reply" }>,
  { replicas, offsets, keptStates, modules }: Parts,
  close: () => Promise<void>,
): void {
  switch (message.type) {
    case "replicas":
      replicas.assign(message.replicas);
      return;
    case "removeReplicas":
      replicas.remove(message.replicas);
      return;
    case "topicDeleted":
      offsets.topicDeleted(message.topic);
      return;
    case "statesDeleted":
      keptStates.topicDeleted(message.topic);
      return;
    case "smartModuleChanged":
      modules.invalidate();
      return;
    case "shutdown":
      void close();
  }
}

/** Answers what the SC asks, for itself or for another SPU. */
async function answer(
  request: SpuRequest,
  { service, consumerOffsets, states, engine, startedMs }: Parts,
): Promise<unknown> {
  switch (request.kind) {
    case "switchModule":
      return service.switchModule(request.name);
    case "moduleTotals":
      return { sinceMs: startedMs, modules: engine.totals() };
    case "updateConsumerOffset":
    case "fetchConsumerOffset":
      return consumerOffsets.answer(request);
    default:
      return states.answer(request);
  }
}

async function fetchModule(sc: ScClient, name: string): Promise<StoredModule | undefined> {
  const value = await sc.request({ kind: "smartModule", name });
  if (value === undefined || value === null) return undefined;
  const stored = value as Partial<StoredModule>;
  if (typeof stored.name !== "string" || !(stored.payload instanceof Uint8Array)) {
    throw flvError("FLV_SERVER", `the SC's answer for SmartModule ${name} has no payload`);
  }
  return stored as StoredModule;
}
