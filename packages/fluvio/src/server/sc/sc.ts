import { isFluvioError, type Logger, PLATFORM_VERSION, silentLogger } from "../../protocol/index.ts";
import type { SmartEngine } from "../../smartengine/index.ts";
import { type FrameServer, type ServeOptions, serve } from "../../transport/index.ts";
import { type Clock, systemClock } from "../clock.ts";
import type { ScEnd } from "../link.ts";
import type { AdminParts } from "./admin-requests.ts";
import { AggregateStates } from "./aggregate-states.ts";
import type { ConnectorCounters, ConnectorHost } from "./connector-host.ts";
import { ConnectorPositions } from "./connector-positions.ts";
import { lagOf } from "./connector-requests.ts";
import { ConnectorRuns } from "./connector-runs.ts";
import { ConnectorVault } from "./connector-vault.ts";
import { Connectors } from "./connectors.ts";
import type { MetadataStore } from "./metadata-store.ts";
import { ModuleInspector } from "./module-inspector.ts";
import { PartitionTracker } from "./partition-tracker.ts";
import { PlainObjects } from "./plain-objects.ts";
import { PublicApi } from "./public-api.ts";
import { Removals } from "./removals.ts";
import { checkNoPartitionHomeless } from "./scheduler.ts";
import { Sealer } from "./sealer.ts";
import { Secrets } from "./secrets.ts";
import { SmartModuleRuns, type SpuTotals } from "./smartmodule-runs.ts";
import { SmartModules } from "./smartmodules.ts";
import { SpuLinks } from "./spu-links.ts";
import { type OwnSpus, SpuRegistry } from "./spus.ts";
import { loadStores, type ScContext, type Stores } from "./stores.ts";
import { Topics } from "./topics.ts";

/** How long creating a topic waits for its partitions. */
const TOPIC_WAIT_MS_DEFAULT = 90_000;

export interface ScOptions {
  /** Stays the caller's, who closes it after the SC. */
  readonly metadata: MetadataStore;
  readonly host: string;
  /** 0 picks a free port. */
  readonly port: number;
  /** File of the key that seals secrets; made when the first one is kept. */
  readonly secretsKeyPath: string;
  /** Inspects SmartModules. Stays the caller's, who closes it after the SC. */
  readonly engine: Pick<SmartEngine, "inspect">;
  /** The SPUs that this cluster runs; their links come by {@link Sc.attachSpu}. */
  readonly spus: OwnSpus;
  readonly logger?: Logger;
  /** What clients are told the cluster is; a semantic version. */
  readonly platformVersion?: string;
  /** Runs managed connectors; without one, creating them is refused. Stays the caller's. */
  readonly connectorHost?: ConnectorHost;
  readonly clock?: Clock;
  readonly maxFrameBytes?: number;
  readonly tls?: NonNullable<ServeOptions["tls"]>;
  readonly topicWaitMs?: number;
  /** Clients are accepted but not answered before {@link Sc.open}: while SPUs and their partitions come up. */
  readonly held?: boolean;
}

/** The streaming controller: the cluster's metadata and who leads what. */
export interface Sc extends AsyncDisposable {
  readonly port: number;
  readonly connectionCount: number;
  /** The objects, for whoever runs in the same process. */
  readonly stores: Stores;
  /** Counters of the SmartModules on each SPU since it started. */
  moduleTotals(): Promise<readonly SpuTotals[]>;
  /** Counters of managed connectors, in order of the names. */
  connectorCounters(): readonly ConnectorCounters[];
  /** Takes the link to one of the cluster's SPUs, a new one after it was restarted. */
  attachSpu(spuId: number, link: ScEnd): void;
  /** Resolves when each partition is online or will not be for a known reason, at the latest after `timeoutMs`. */
  partitionsSettled(timeoutMs: number): Promise<void>;
  /** Answers the clients that came since a start that was `held`. */
  open(): void;
  /** Has the stored connectors run: to be called when the cluster can serve them. */
  startConnectors(): void;
  /** Lets requests in flight finish for at most `drainMs`, then closes every connection. */
  close(drainMs?: number): Promise<void>;
}

/**
 * Starts the controller.
 * @throws FLV_CLUSTER_START when a partition lives on an SPU that the cluster does not run | FLV_PORT_IN_USE | FLV_STORAGE
 */
export async function createSc(options: ScOptions): Promise<Sc> {
  const { metadata, logger = silentLogger, clock = systemClock } = options;
  const stores = loadStores(metadata);
  checkNoPartitionHomeless(stores.partitions.values(), options.spus.ids);
  const context: ScContext = { metadata, stores, clock, logger };
  const spus = new SpuRegistry(context, options.spus);
  const partitions = new PartitionTracker(context);
  const removals = new Removals(metadata, clock);
  // modules announce changes over the links, the links look modules up
  const links = new SpuLinks({
    context,
    spus,
    partitions,
    removals,
    findSmartModule: (name) => smartModules.find(name),
    aggregateState: (request) => aggregateStates.ask(request),
  });
  const smartModules: SmartModules = new SmartModules(context, links, new ModuleInspector(options.engine));
  const topicWaitMs = options.topicWaitMs ?? TOPIC_WAIT_MS_DEFAULT;
  const topics = new Topics({
    ...{ context, spus, partitions, removals, links, topicWaitMs },
    findSmartModule: (name) => smartModules.find(name),
  });
  const aggregateStates: AggregateStates = new AggregateStates({ context, links, topics });
  const connectorPositions = new ConnectorPositions(context);
  const { connectorHost } = options;
  const sealer = new Sealer({
    keyPath: options.secretsKeyPath,
    holdsSealed: () => !secrets.isEmpty || connectors.holdsSealed,
  });
  const secrets: Secrets = new Secrets(context, sealer);
  const connectors: Connectors = new Connectors({
    ...{ context, topics, secrets },
    positions: connectorPositions,
    vault: new ConnectorVault(sealer),
    host: connectorHost,
  });
  await connectors.load();
  await topics.ensureOffsetsTopic(options.spus.ids[0] as number);
  const smartModuleRuns = new SmartModuleRuns({ spuIds: options.spus.ids, links, smartModules, connectorHost });
  const plain = new PlainObjects(context);
  const parts: AdminParts = {
    context,
    topics,
    spus,
    smartModules,
    smartModuleRuns,
    aggregateStates,
    plain,
    connectors,
    connectorPositions,
    connectorRuns: new ConnectorRuns(context),
    secrets,
  };
  const gate = options.held ? heldGate() : undefined;
  const server = await listen(options, parts, logger, gate);
  const closing = new AbortController();
  smartModules.inspectAgain(closing.signal).catch((error: unknown) => {
    logger.warn({ error: String(error) }, "stored SmartModules could not be inspected");
  });
  return controller({ server, links, partitions, spus, stores, connectors, smartModuleRuns, gate, closing });
}

/** What clients wait at until the cluster can serve them. */
interface Gate {
  opened: boolean;
  readonly whenOpen: Promise<void>;
  open(): void;
}

function heldGate(): Gate {
  let resolve = () => {};
  const whenOpen = new Promise<void>((done) => {
    resolve = done;
  });
  const gate: Gate = {
    opened: false,
    whenOpen,
    open: () => {
      gate.opened = true;
      resolve();
    },
  };
  return gate;
}

function listen(options: ScOptions, parts: AdminParts, logger: Logger, gate: Gate | undefined): Promise<FrameServer> {
  const api = new PublicApi({ parts, platformVersion: options.platformVersion ?? PLATFORM_VERSION });
  return serve({
    host: options.host,
    port: options.port,
    ...(options.maxFrameBytes === undefined ? {} : { maxFrameBytes: options.maxFrameBytes }),
    ...(options.tls === undefined ? {} : { tls: options.tls }),
    handle: async (header, body, connection) => {
      if (gate?.opened === false) await gate.whenOpen;
      await api.handle(header, body, connection);
    },
    onError: (error, connection) => {
      // a client that vanished is nothing to look into, one that sent nonsense is
      const report = isFluvioError(error) ? logger.warn : logger.debug;
      report.call(logger, { error: String(error), client: connection.remoteAddress }, "connection closed for an error");
    },
  });
}

interface Running {
  readonly server: FrameServer;
  readonly links: SpuLinks;
  readonly partitions: PartitionTracker;
  readonly spus: SpuRegistry;
  readonly stores: Stores;
  readonly connectors: Connectors;
  readonly smartModuleRuns: SmartModuleRuns;
  readonly gate: Gate | undefined;
  /** Ends the work in the background. */
  readonly closing: AbortController;
}

function controller(running: Running): Sc {
  const { server, links, partitions, spus, stores, connectors, smartModuleRuns, gate } = running;
  let closing: Promise<void> | undefined;
  const close = (drainMs?: number): Promise<void> => {
    closing ??= (async () => {
      running.closing.abort();
      // whoever waits for a partition is told so, instead of holding up the end
      partitions.close();
      gate?.open();
      await server.close(drainMs);
    })();
    return closing;
  };
  return {
    port: server.port,
    get connectionCount() {
      return server.connectionCount;
    },
    stores,
    moduleTotals: () => smartModuleRuns.totals(),
    connectorCounters: () => connectors.counters().map((counters) => ({ ...counters, lag: lagOf(counters, stores) })),
    attachSpu: (spuId, link) => {
      if (spus.isOwn(spuId)) links.attach(spuId, link);
      else link.close();
    },
    partitionsSettled: async (timeoutMs) => {
      await Promise.all([...stores.partitions.values()].map(({ name }) => partitions.waitOnline([name], timeoutMs)));
    },
    open: () => gate?.open(),
    startConnectors: () => connectors.start(),
    close,
    [Symbol.asyncDispose]: () => close(),
  };
}
