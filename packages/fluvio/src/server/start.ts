import type { Cluster, ClusterOptions } from "./cluster.ts";

/**
 * Starts a cluster; see {@link ClusterOptions}. The storage and the servers are loaded when it is called: whoever only asks
 * who holds a data folder does without them.
 * @throws what cluster.ts says
 */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const cluster = await import("./cluster.ts");
  return await cluster.startCluster(options);
}
