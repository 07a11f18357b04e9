import { fetchConsumerOffsetsApi, fetchOffsetsApi, flvError, toFluvioError } from "../protocol/index.ts";
import type { AbortOptions, Connection } from "../transport/index.ts";
import type { PartitionOffsets } from "./client-types.ts";
import type { Cluster } from "./cluster.ts";
import type { ConsumerOffset, StartOffset } from "./types.ts";

/**
 * What is stored of one partition. Asked again while its SPU or the cluster restarts.
 * @throws FLV_TOPIC_NOT_FOUND | FLV_PARTITION_NOT_FOUND | FLV_NOT_LEADER | FLV_CONNECT | FLV_CONNECTION_CLOSED
 */
export function fetchPartitionOffsets(
  cluster: Cluster,
  topic: string,
  partition: number,
  options: AbortOptions,
): Promise<PartitionOffsets> {
  const ask = async () => offsetsAt(await cluster.leader(topic, partition, options), topic, partition, options);
  return cluster.tryAgain(ask, options);
}

async function offsetsAt(
  connection: Connection,
  topic: string,
  partition: number,
  options: AbortOptions,
): Promise<PartitionOffsets> {
  const reply = await connection.request(
    fetchOffsetsApi,
    { topics: [{ name: topic, partitions: [{ partitionIndex: partition }] }] },
    options,
  );
  const found = reply.topics[0]?.partitions[0];
  if (found === undefined) throw flvError("FLV_DECODE", `no offsets of ${topic}-${partition} in the reply`);
  if (found.errorCode.name !== "None") throw toFluvioError(found.errorCode, { topic, partition });
  return { partition, startOffset: found.startOffset, endOffset: found.lastStableOffset };
}

/**
 * Stored positions of named consumers. Asked again while their SPU or the cluster restarts.
 * @throws FLV_NOT_LEADER | FLV_CONNECT | FLV_CONNECTION_CLOSED
 */
export async function fetchConsumerOffsets(
  cluster: Cluster,
  consumerId: string | undefined,
  options: AbortOptions,
): Promise<readonly ConsumerOffset[]> {
  const filter = consumerId === undefined ? undefined : { replica: undefined, consumerId };
  const reply = await cluster.tryAgain(async () => {
    const connection = await cluster.offsetsLeader(options);
    const answer = await connection.request(fetchConsumerOffsetsApi, { filter }, options);
    if (answer.errorCode.name !== "None") throw toFluvioError(answer.errorCode);
    return answer;
  }, options);
  return reply.consumers
    .filter((stored) => consumerId === undefined || stored.consumerId === consumerId)
    .map(({ modifiedTimeSeconds, ...stored }) => ({ ...stored, modifiedTimeMs: modifiedTimeSeconds * 1000 }));
}

/**
 * The absolute offset to begin at. A stored position takes the place of both ends of the log.
 * @param next offset after the stored position
 */
export function startingAt(
  asked: StartOffset,
  stored: Pick<PartitionOffsets, "startOffset" | "endOffset">,
  next: number | undefined,
): number {
  const { startOffset, endOffset } = stored;
  const clamp = (offset: number) => Math.max(0, Math.min(Math.max(offset, startOffset), endOffset));
  if (asked === "beginning") return clamp(next ?? startOffset);
  if (asked === "end") return clamp(next ?? endOffset);
  if ("absolute" in asked) return checked(asked.absolute, "absolute");
  if ("fromBeginning" in asked) return clamp((next ?? startOffset) + checked(asked.fromBeginning, "fromBeginning"));
  return clamp((next ?? endOffset) - checked(asked.fromEnd, "fromEnd"));
}

/** The absolute offset that `asked` means on the leader of a partition. */
export async function fetchStart(
  connection: Connection,
  topic: string,
  partition: number,
  asked: StartOffset,
): Promise<number> {
  return startingAt(asked, await offsetsAt(connection, topic, partition, {}), undefined);
}

function checked(value: number, name: string): number {
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw flvError("FLV_ARGUMENT", `offset ${name} ${value} is no whole number from 0 on`, {
    details: { [name]: value },
    hint: "offsets count records from 0",
  });
}
