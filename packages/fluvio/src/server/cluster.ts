import { createServer } from "node:net";
import { join } from "node:path";
import {
  flvError,
  type Logger,
  SC_PUBLIC_PORT_DEFAULT,
  SPU_PORT_STEP,
  SPU_PUBLIC_PORT_DEFAULT,
  silentLogger,
} from "../protocol/index.ts";
import { createSmartEngine, type EngineLimits, type SmartEngine } from "../smartengine/index.ts";
import { createLogEngine, type FlushMode, untilUnlocked } from "../storage/index.ts";
import type { ServeOptions } from "../transport/index.ts";
import { ChildSpu } from "./child-spu.ts";
import { type Clock, systemClock } from "./clock.ts";
import { linkPair } from "./link.ts";
import type { ConnectorHost } from "./sc/connector-host.ts";
import { lockDataDir } from "./sc/data-dir-lock.ts";
import { openMetadataStore } from "./sc/metadata-store.ts";
import { createSc, type Sc, type ScOptions } from "./sc/sc.ts";
import { spuName } from "./sc/spus.ts";
import { createSpu, type Spu, type SpuLimits } from "./spu/index.ts";
import type { SpuSpawnOptions } from "./spu/spawn.ts";

/** Id of a local cluster's first SPU; the next ones count on. */
const SPU_ID_FIRST = 5001;
/** Longest wait for the SPUs at start. */
const START_TIMEOUT_MS = 60_000;
const DRAIN_MS_DEFAULT = 5_000;
/** On top of draining, a child closes its logs. */
const CHILD_CLOSE_EXTRA_MS = 10_000;

export interface ClusterOptions {
  /** Holds everything the cluster keeps; made when absent, used by one cluster at a time. */
  readonly dataDir: string;
  /** Address to listen on. Default 127.0.0.1. */
  readonly host?: string;
  /** Host by which clients reach the SPUs. Default: `host`, or 127.0.0.1 when that means every address. */
  readonly publicHost?: string;
  /** Default 9003; 0 picks a free port. */
  readonly scPort?: number;
  /** SPUs: the first in this process, each further one in a process of its own. Default 1. */
  readonly spuCount?: number;
  /** Port of the first SPU, the next ones in steps of 10. Default 9010; 0 picks free ports. */
  readonly spuBasePort?: number;
  /** When appends are acknowledged. Default `always`. */
  readonly flush?: FlushMode;
  readonly limits?: Partial<SpuLimits>;
  readonly engineLimits?: Partial<EngineLimits>;
  /** Chains of SmartModules at the same time on one SPU. Default 256. */
  readonly smartModuleChainsMax?: number;
  readonly retentionCheckMs?: number;
  readonly maxFrameBytes?: number;
  readonly tls?: NonNullable<ServeOptions["tls"]>;
  readonly topicWaitMs?: number;
  readonly platformVersion?: string;
  /** Runs managed connectors. Belongs to the cluster from here on: it is disposed when the cluster closes. */
  readonly connectorHost?: ConnectorHost;
  readonly logger?: Logger;
  readonly clock?: Clock;
  /** Where the further SPUs' log lines go. Default: this process's standard output and error. */
  readonly spuOutput?: SpuSpawnOptions["output"];
  /** Level of those lines. Default `info`. */
  readonly spuLogLevel?: string;
}

export interface ClusterSpu {
  readonly id: number;
  readonly port: number;
  readonly processId: number | undefined;
}

/** A running cluster: the SC and its SPUs. */
export interface Cluster extends AsyncDisposable {
  readonly dataDir: string;
  readonly host: string;
  readonly scPort: number;
  readonly spus: readonly ClusterSpu[];
  readonly sc: Sc;
  /**
   * Stops connectors, lets requests in flight finish for at most `drainMs`, has every record on disk, then closes
   * everything. Calling it again waits for the same end.
   */
  close(drainMs?: number): Promise<void>;
}

/** What has been opened so far, to be closed in the opposite order. */
type Closers = ((drainMs: number) => Promise<void>)[];

/**
 * Starts a cluster on the embedded storage engine. A start that fails closes what it opened.
 * @throws FLV_PORT_IN_USE | FLV_CLUSTER_RUNNING (another cluster has the folder) | FLV_FILE (it cannot be written)
 *   | FLV_CLUSTER_START (a later release wrote it; partitions would be without their SPU; an SPU does not start)
 *   | FLV_DISK_FULL
 */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const closers: Closers = [];
  const closeAll = async (drainMs: number): Promise<void> => {
    for (const close of closers.splice(0).reverse()) await close(drainMs);
  };
  try {
    return await start(options, closers, closeAll);
  } catch (error) {
    await options.connectorHost?.[Symbol.asyncDispose]();
    await closeAll(0);
    throw startError(error, options.dataDir);
  }
}

/** Locks and logs are written by whichever part comes first: what a full disk does to them is said in one place. */
function startError(error: unknown, dataDir: string): unknown {
  if (!(error instanceof Error)) return error;
  const reason = error.cause instanceof Error ? error.cause : error;
  if (!("code" in reason) || reason.code !== "ENOSPC") return error;
  return flvError("FLV_DISK_FULL", `The disk of the data folder ${dataDir} has no space left`, {
    details: { dataDir },
    hint: "free some space on it, then start again; what is stored is not touched",
    retriable: true,
    cause: error,
  });
}

async function start(
  options: ClusterOptions,
  closers: Closers,
  closeAll: (drainMs: number) => Promise<void>,
): Promise<Cluster> {
  const { dataDir, connectorHost, host = "127.0.0.1", scPort = SC_PUBLIC_PORT_DEFAULT } = options;
  const spuCount = options.spuCount ?? 1;
  if (!Number.isInteger(spuCount) || spuCount < 1 || spuCount > 100) {
    throw flvError("FLV_ARGUMENT", `A cluster has 1 to 100 SPUs, not ${spuCount}`, { details: { spuCount } });
  }
  const ids = Array.from({ length: spuCount }, (_, index) => SPU_ID_FIRST + index);
  closers.push(await lockDataDir(dataDir));
  const metadata = await openMetadataStore(dataDir);
  closers.push(async () => metadata[Symbol.asyncDispose]());
  const { logger: engineLogger = silentLogger, engineLimits = {}, smartModuleChainsMax: chainsMax } = options;
  const engine = createSmartEngine({
    logger: engineLogger,
    limits: engineLimits,
    ...(chainsMax === undefined ? {} : { chainsMax }),
  });
  closers.push(async () => engine[Symbol.asyncDispose]());
  const sc = await createSc({
    ...scOptions(options),
    metadata,
    engine,
    host,
    port: scPort,
    secretsKeyPath: join(dataDir, "secrets.key"),
    held: true,
    spus: { ids, publicHost: publicHost(options, host) },
  });
  closers.push((drainMs) => sc.close(drainMs));
  const first = await startFirstSpu(options, sc, host, engine, closers);
  const children = await startChildren(options, sc, host, ids.slice(1), closers);
  if (connectorHost !== undefined) closers.push(async () => connectorHost[Symbol.asyncDispose]());
  // whoever connects from here on finds every partition served
  await sc.partitionsSettled(START_TIMEOUT_MS);
  sc.open();
  sc.startConnectors();
  const portOf = (id: number) => sc.stores.spus.get(spuName(id))?.spec.publicEndpoint.port ?? 0;
  let closing: Promise<void> | undefined;
  const close = (drainMs = DRAIN_MS_DEFAULT): Promise<void> => {
    closing ??= closeAll(drainMs);
    return closing;
  };
  return {
    dataDir,
    host,
    scPort: sc.port,
    get spus() {
      const others = children.map(({ id, processId }) => ({ id, port: portOf(id), processId }));
      return [{ id: first.id, port: first.port, processId: process.pid }, ...others];
    },
    sc,
    close,
    [Symbol.asyncDispose]: () => close(),
  };
}

function scOptions(
  options: ClusterOptions,
): Partial<Omit<ScOptions, "metadata" | "engine" | "host" | "port" | "spus" | "secretsKeyPath">> {
  const { logger, clock, connectorHost, maxFrameBytes, tls, topicWaitMs, platformVersion } = options;
  return {
    ...(logger === undefined ? {} : { logger: logger.child({ part: "sc" }) }),
    ...(clock === undefined ? {} : { clock }),
    ...(connectorHost === undefined ? {} : { connectorHost }),
    ...(maxFrameBytes === undefined ? {} : { maxFrameBytes }),
    ...(tls === undefined ? {} : { tls }),
    ...(topicWaitMs === undefined ? {} : { topicWaitMs }),
    ...(platformVersion === undefined ? {} : { platformVersion }),
  };
}

function publicHost(options: ClusterOptions, host: string): string {
  if (options.publicHost !== undefined) return options.publicHost;
  return host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host;
}

/** Settings that an SPU has whichever process it runs in. */
function spuSettings(options: ClusterOptions) {
  const { flush, limits, retentionCheckMs, maxFrameBytes, tls } = options;
  return {
    ...(flush === undefined ? {} : { flush }),
    ...(limits === undefined ? {} : { limits }),
    ...(retentionCheckMs === undefined ? {} : { retentionCheckMs }),
    ...(maxFrameBytes === undefined ? {} : { maxFrameBytes }),
    ...(tls === undefined ? {} : { tls }),
  };
}

function spuPort(options: ClusterOptions, id: number): number {
  const basePort = options.spuBasePort ?? SPU_PUBLIC_PORT_DEFAULT;
  return basePort === 0 ? 0 : basePort + (id - SPU_ID_FIRST) * SPU_PORT_STEP;
}

/** Folder of an SPU's partitions. */
function spuDirectory(dataDir: string, id: number): string {
  return join(dataDir, `spu-logs-${id}`);
}

async function startFirstSpu(
  options: ClusterOptions,
  sc: Sc,
  host: string,
  engine: SmartEngine,
  closers: Closers,
): Promise<Spu> {
  const { logger = silentLogger, clock = systemClock } = options;
  const id = SPU_ID_FIRST;
  const storage = await createLogEngine({ directory: spuDirectory(options.dataDir, id), logger });
  closers.push(async () => storage[Symbol.asyncDispose]());
  const link = linkPair();
  sc.attachSpu(id, link.sc);
  const port = spuPort(options, id);
  const spu = await createSpu({
    id,
    link: link.spu,
    storage,
    engine,
    host,
    port,
    logger,
    clock,
    ...spuSettings(options),
  });
  closers.push((drainMs) => spu.close(drainMs));
  return spu;
}

/** Starts the further SPUs and waits until every SPU is online. */
async function startChildren(
  options: ClusterOptions,
  sc: Sc,
  host: string,
  ids: readonly number[],
  closers: Closers,
): Promise<readonly ChildSpu[]> {
  const { logger = silentLogger, clock = systemClock } = options;
  const children: ChildSpu[] = [];
  // together: one slow SPU does not hold up the others
  closers.push(async (drainMs) => {
    await Promise.all(children.map((child) => child.close(drainMs + CHILD_CLOSE_EXTRA_MS)));
  });
  // those of a cluster that was killed end by themselves: they close their ports first, then their logs
  const endMs = DRAIN_MS_DEFAULT + CHILD_CLOSE_EXTRA_MS;
  await Promise.all(ids.map((id) => untilUnlocked(spuDirectory(options.dataDir, id), endMs)));
  for (const id of ids) {
    const port = spuPort(options, id);
    // the child's own error would reach its log only
    if (port !== 0) await checkPortFree(host, port);
    const config = {
      ...{ id, host, port, dataDir: spuDirectory(options.dataDir, id) },
      ...spuSettings(options),
      ...(options.engineLimits === undefined ? {} : { engineLimits: options.engineLimits }),
      ...(options.smartModuleChainsMax === undefined ? {} : { chainsMax: options.smartModuleChainsMax }),
      ...(options.spuLogLevel === undefined ? {} : { logLevel: options.spuLogLevel }),
    };
    children.push(new ChildSpu({ config, sc, clock, logger, output: options.spuOutput }));
  }
  await allOnline(sc, [SPU_ID_FIRST, ...ids], children);
  return children;
}

async function allOnline(sc: Sc, ids: readonly number[], children: readonly ChildSpu[]): Promise<void> {
  const abandoned = new AbortController();
  const signal = AbortSignal.any([abandoned.signal, AbortSignal.timeout(START_TIMEOUT_MS)]);
  const failures = children.map((child) => child.failure(abandoned.signal));
  for (const failure of failures) failure.catch(() => {});
  const watch = sc.stores.spus.watch();
  const isOnline = (id: number) => sc.stores.spus.get(spuName(id))?.status.resolution === "online";
  const online = (async () => {
    while (!ids.every(isOnline)) await watch.next(signal);
  })();
  try {
    await Promise.race([online, ...failures]);
    for (const child of children) child.listensOn(sc.stores.spus.get(spuName(child.id))?.spec.publicEndpoint.port ?? 0);
  } catch (error) {
    if (!signal.aborted) throw error;
    const missing = ids.filter((id) => !isOnline(id));
    throw flvError(
      "FLV_CLUSTER_START",
      `SPU ${missing.join(", ")} did not come online within ${START_TIMEOUT_MS / 1000} s`,
      {
        details: { missing },
        hint: "The log of the cluster has what they say.",
      },
    );
  } finally {
    watch.close();
    abandoned.abort();
    online.catch(() => {});
  }
}

/** @throws FLV_PORT_IN_USE */
function checkPortFree(host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", (cause: NodeJS.ErrnoException) => {
      reject(
        flvError("FLV_PORT_IN_USE", `port ${port} on ${host} cannot be opened: ${cause.code ?? cause.message}`, {
          details: { host, port },
          hint: `stop the process that listens there (see it with: lsof -i :${port}), or choose another port for the first SPU: the others follow in steps of ${SPU_PORT_STEP}`,
          cause,
        }),
      );
    });
    probe.listen({ host, port }, () => probe.close(() => resolve()));
  });
}
