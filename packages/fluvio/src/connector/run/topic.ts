import { type FluvioClient, parseSizeBytes } from "../../client/index.ts";
import { isFluvioError, type Logger } from "../../protocol/index.ts";
import type { ConnectorConfig } from "../file/config.ts";
import { parseDuration } from "../file/durations.ts";

/** Creates the connector's topic unless it exists: one partition, or what the file asks for. */
export async function ensureTopic(client: FluvioClient, config: ConnectorConfig, logger: Logger): Promise<void> {
  const admin = client.admin();
  if ((await admin.findTopic(config.topic)) !== undefined) return;
  const options = config["topic-options"] ?? {};
  const { partitions, replication, retention, compression, deduplication } = options;
  const segmentSize = options["segment-size"];
  const maxPartitionSize = options["max-partition-size"];
  try {
    await admin.createTopic(config.topic, {
      partitions: partitions === undefined ? 1 : Number(partitions),
      replicationFactor: replication === undefined ? 1 : Number(replication),
      ...(retention === undefined ? {} : { retentionSeconds: Math.round(parseDuration(retention) / 1000) }),
      ...(segmentSize === undefined ? {} : { segmentSizeBytes: parseSizeBytes(segmentSize) }),
      ...(maxPartitionSize === undefined ? {} : { maxPartitionSizeBytes: parseSizeBytes(maxPartitionSize) }),
      ...(compression === undefined ? {} : { compression: compression as "any" }),
      ...(deduplication === undefined ? {} : { deduplication: deduplicationOf(deduplication) }),
    });
    logger.info({ topic: config.topic }, "created topic");
  } catch (error) {
    // Two connectors may begin at once with the same topic.
    if (!isFluvioError(error) || error.code !== "FLV_TOPIC_ALREADY_EXISTS") throw error;
  }
}

function deduplicationOf({
  count,
  age,
  uses,
  with: params,
}: NonNullable<NonNullable<ConnectorConfig["topic-options"]>["deduplication"]>) {
  return {
    count: Number(count),
    uses,
    ...(age === undefined ? {} : { ageMs: parseDuration(age) }),
    ...(params === undefined ? {} : { with: params }),
  };
}
