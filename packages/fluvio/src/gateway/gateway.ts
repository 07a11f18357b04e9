import { type FastifyInstance, fastify } from "fastify";
import { flvError, type Logger, silentLogger } from "../protocol/index.ts";
import type { Cluster } from "../server/index.ts";
import { ClusterMetrics } from "./metrics.ts";

/** A client that is slower than this to send its request is cut off. */
const REQUEST_TIMEOUT_MS = 30_000;

export interface GatewayOptions {
  /** What it speaks for; to be closed after it. */
  readonly cluster: Cluster;
  readonly host: string;
  /** 0 picks a free port. */
  readonly port: number;
  readonly logger?: Logger;
}

/** The HTTP side of a cluster: `/metrics` for Prometheus, `/healthz`. */
export interface Gateway extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  /** Ends at once: requests under way are cut off. */
  close(): Promise<void>;
}

/** @throws FLV_PORT_IN_USE when it cannot listen there */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { cluster, host, logger = silentLogger } = options;
  const server = fastify({ forceCloseConnections: true, requestTimeout: REQUEST_TIMEOUT_MS, exposeHeadRoutes: true });
  addRoutes(server, cluster, logger);
  try {
    await server.listen({ host, port: options.port });
  } catch (cause) {
    await server.close();
    throw cannotListen(host, options.port, cause as NodeJS.ErrnoException);
  }
  const address = server.server.address();
  const port = typeof address === "object" && address !== null ? address.port : options.port;
  const close = async (): Promise<void> => {
    await server.close();
  };
  return { host, port, close, [Symbol.asyncDispose]: close };
}

function addRoutes(server: FastifyInstance, cluster: Cluster, logger: Logger): void {
  const metrics = new ClusterMetrics(cluster);
  server.get("/metrics", async (_request, reply) => {
    const { contentType, text } = await metrics.scrape();
    return reply.type(contentType).send(text);
  });
  server.get("/healthz", async (_request, reply) => {
    const offlineSpus = offlineSpusOf(cluster);
    const isWell = offlineSpus.length === 0;
    return reply.status(isWell ? 200 : 503).send({ status: isWell ? "ok" : "degraded", offlineSpus });
  });
  server.setErrorHandler(async (error, request, reply) => {
    logger.warn({ error: String(error), url: request.url }, "an HTTP request failed");
    return reply.status(500).send({ error: "the cluster could not answer" });
  });
}

/** Ids of the cluster's SPUs that do not serve their partitions. */
function offlineSpusOf(cluster: Cluster): readonly number[] {
  const online = new Set<number>();
  for (const { spec, status } of cluster.sc.stores.spus.values()) {
    if (status.resolution === "online") online.add(spec.id);
  }
  return cluster.spus.map(({ id }) => id).filter((id) => !online.has(id));
}

function cannotListen(host: string, port: number, cause: NodeJS.ErrnoException): Error {
  return flvError("FLV_PORT_IN_USE", `port ${port} on ${host} cannot be opened: ${cause.code ?? cause.message}`, {
    details: { host, port },
    hint: `stop the process that listens there (see it with: lsof -i :${port}), or choose another address for the gateway, or none`,
    cause,
  });
}
