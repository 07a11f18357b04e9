import type { FluvioClient } from "../../client/index.ts";
import { flvError } from "../../protocol/index.ts";

/** The partition that mirrors a remote cluster, or is mirrored from a home cluster. @throws FLV_MIRROR */
export async function mirrorPartition(client: FluvioClient, topic: string, mirror: string): Promise<number> {
  const found = await client.admin().findTopic(topic);
  for (const [partition, config] of found?.status.mirrorMap ?? []) {
    const peer = config.type === "home" ? config.remoteCluster : config.homeCluster;
    if (peer === mirror) return partition;
  }
  throw flvError("FLV_MIRROR", `No partition found for mirror '${mirror}'`, { details: { topic, mirror } });
}
