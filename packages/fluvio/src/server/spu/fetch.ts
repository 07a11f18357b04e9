import {
  type FetchOffsetsRequest,
  type FetchOffsetsResponseInput,
  type FetchRequest,
  type FetchResponseInput,
  NO_ERROR,
  type WireError,
  wireError,
} from "../../protocol/index.ts";
import { checkStart } from "./consumer-stream.ts";
import type { SpuLimits } from "./limits.ts";
import { notLeader, type ReplicaManager } from "./replica-manager.ts";
import { toWireError } from "./wire-answers.ts";

/** Reads each partition once, at once; the whole answer keeps to the fetch limit. */
export async function fetchOnce(
  request: FetchRequest,
  replicas: ReplicaManager,
  limits: SpuLimits,
): Promise<FetchResponseInput> {
  let leftBytes = limits.fetchBytesMax;
  const topics: FetchResponseInput["topics"][number][] = [];
  for (const { name, partitions } of request.topics) {
    const results: FetchResponseInput["topics"][number]["partitions"][number][] = [];
    for (const { partitionIndex, fetchOffset } of partitions) {
      const response = {
        partitionIndex,
        errorCode: NO_ERROR as WireError,
        highWatermark: 0,
        nextFilterOffset: 0,
        logStartOffset: 0,
        records: [] as readonly Uint8Array[],
      };
      try {
        const replica = replicas.leader(name, partitionIndex);
        if (replica === undefined) throw notLeader(name, partitionIndex);
        checkStart(replica, fetchOffset);
        const { log } = replica;
        response.highWatermark = log.highWatermark;
        response.logStartOffset = log.logStartOffset;
        const upToOffset = request.isolation === "readCommitted" ? log.highWatermark : log.logEndOffset;
        if (leftBytes > 0 && fetchOffset < upToOffset) {
          const maxBytes = Math.max(0, Math.min(request.maxBytes, leftBytes));
          const slice = await log.read(fetchOffset, { maxBytes, upToOffset });
          leftBytes -= slice.sizeBytes;
          response.records = slice.pieces;
        }
      } catch (error) {
        response.errorCode = toWireError(error, name, partitionIndex);
      }
      results.push(response);
    }
    topics.push({ name, partitions: results });
  }
  return { throttleTimeMs: 0, errorCode: NO_ERROR, sessionId: 0, topics };
}

/** Where partitions begin and end; with a consumer id (version 23) a stored offset moves the beginning. */
export async function fetchOffsets(
  request: FetchOffsetsRequest,
  replicas: ReplicaManager,
  storedOffset: (consumerId: string, topic: string, partition: number) => Promise<number | undefined>,
): Promise<FetchOffsetsResponseInput> {
  const { consumerId } = request;
  const topics = request.topics.map(async ({ name, partitions }) => ({
    name,
    partitions: await Promise.all(
      partitions.map(async ({ partitionIndex }) => {
        const log = replicas.leader(name, partitionIndex)?.log;
        if (log === undefined) {
          return { errorCode: wireError("PartitionNotLeader"), partitionIndex, startOffset: 0, lastStableOffset: 0 };
        }
        try {
          const stored = consumerId === undefined ? undefined : await storedOffset(consumerId, name, partitionIndex);
          return {
            errorCode: NO_ERROR,
            partitionIndex,
            startOffset: stored === undefined ? log.logStartOffset : stored + 1,
            lastStableOffset: log.highWatermark,
          };
        } catch (error) {
          const errorCode = toWireError(error, name, partitionIndex);
          return { errorCode, partitionIndex, startOffset: 0, lastStableOffset: 0 };
        }
      }),
    ),
  }));
  return { topics: await Promise.all(topics) };
}
