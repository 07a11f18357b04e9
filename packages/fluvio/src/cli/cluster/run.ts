import { once } from "node:events";
import { join } from "node:path";
import { destination, pino } from "pino";
import { emptyConfig, withCluster, writeConfigFile } from "../../client/index.ts";
import { connectorSupervisor } from "../../connector/index.ts";
import { type Gateway, startGateway } from "../../gateway/index.ts";
import type { Logger } from "../../protocol/index.ts";
import { type Cluster, startCluster } from "../../server/index.ts";
import type { Io } from "../io.ts";
import { engineLimits } from "./engine-limits.ts";
import { failureMessage, tellStarter } from "./messages.ts";
import { type ClusterSettings, flushMode, gatewayEndpoint, writeSettings } from "./settings.ts";
import { profileTls, serverTls } from "./tls.ts";

/** A cluster that does not end this long after it was told to is left behind: its storage is safe against that. */
const CLOSE_TIMEOUT_MS = 35_000;

/**
 * Runs a cluster in this process until the command is told to stop, then ends it in good order: connectors first,
 * then requests in flight, then the storage.
 */
export async function runCluster(io: Io, settings: ClusterSettings): Promise<number> {
  // Synchronous: what is logged last is what matters most when a process dies.
  const logger = pino({ level: logLevel(settings.rust_log), base: null }, destination({ fd: 2, sync: true }));
  let cluster: Cluster;
  let gateway: Gateway | undefined;
  try {
    cluster = await open(settings, logger);
    gateway = await openGateway(settings, cluster, logger);
    await writeSettings(io, { ...settings, sc_port: cluster.scPort });
  } catch (error) {
    await tellStarter(failureMessage(error));
    throw error;
  }
  logger.info(
    {
      host: cluster.host,
      scPort: cluster.scPort,
      spus: cluster.spus,
      dataDir: cluster.dataDir,
      gateway: gateway === undefined ? "off" : { host: gateway.host, port: gateway.port },
    },
    "cluster is ready",
  );
  await tellStarter({ type: "ready", scPort: cluster.scPort, spus: cluster.spus.length });
  if (!io.signal.aborted) await once(io.signal, "abort");
  logger.info({}, "cluster is closing");
  const timer = setTimeout(() => {
    logger.error({}, "the cluster did not close in time");
    process.exit(1);
  }, CLOSE_TIMEOUT_MS);
  await gateway?.close();
  await cluster.close();
  clearTimeout(timer);
  logger.info({}, "cluster is closed");
  return 0;
}

/** A cluster whose gateway cannot start is closed again. @throws FLV_PORT_IN_USE */
async function openGateway(settings: ClusterSettings, cluster: Cluster, logger: Logger): Promise<Gateway | undefined> {
  const endpoint = gatewayEndpoint(settings);
  if (endpoint === undefined) return undefined;
  try {
    return await startGateway({ ...endpoint, cluster, logger: logger.child({ part: "gateway" }) });
  } catch (error) {
    await cluster.close(0);
    throw error;
  }
}

async function open(settings: ClusterSettings, logger: Logger): Promise<Cluster> {
  let announce: (endpoint: string) => void = () => {};
  const endpoint = new Promise<string>((resolve) => {
    announce = resolve;
  });
  const profilePath = join(settings.data_dir, "connectors.config");
  const connectorHost = connectorSupervisor({
    endpoint: () => endpoint,
    ...(settings.tls === undefined ? {} : { profilePath }),
    logDirectory: settings.log_dir,
    stateDirectory: join(settings.data_dir, "connectors"),
    logger,
  });
  const tls = settings.tls === undefined ? undefined : await serverTls(settings.tls);
  const cluster = await startCluster({
    ...(tls === undefined ? {} : { tls }),
    dataDir: settings.data_dir,
    host: settings.sc_host,
    scPort: settings.sc_port,
    spuCount: settings.spus,
    spuBasePort: settings.spu_base_port,
    flush: flushMode(settings.flush),
    ...engineLimits(settings),
    connectorHost,
    logger,
    spuLogLevel: logLevel(settings.rust_log),
  });
  const address = `${reachable(cluster.host)}:${cluster.scPort}`;
  if (settings.tls !== undefined) {
    const profile = { endpoint: address, tls: profileTls(settings.tls) };
    await writeConfigFile(withCluster(emptyConfig(), "local", profile), profilePath);
  }
  announce(address);
  return cluster;
}

/** An address that connectors of this machine can connect to. */
function reachable(host: string): string {
  if (host === "0.0.0.0" || host === "::") return "127.0.0.1";
  return host.includes(":") ? `[${host}]` : host;
}

/** Of a filter such as `info,fluvio=debug` the part that stands alone counts. */
function logLevel(filter: string): string {
  const alone = filter.split(",").map((part) => part.trim().toLowerCase());
  return alone.find((part) => ["error", "warn", "info", "debug", "trace"].includes(part)) ?? "info";
}
