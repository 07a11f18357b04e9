import { type FluvioError, flvError } from "../../protocol/index.ts";
import type { PartitionId } from "../engine.ts";
import { systemErrorCode } from "./file-system.ts";

const DISK_FULL_CODES = ["ENOSPC", "EDQUOT"];

export function partitionName(id: PartitionId): string {
  return `${id.topic}-${id.partition}`;
}

/** What a caller gets when the system refused to write. */
export function writeError(id: PartitionId, cause: unknown): FluvioError {
  const code = systemErrorCode(cause);
  if (code !== undefined && DISK_FULL_CODES.includes(code)) {
    return flvError("FLV_DISK_FULL", `No space left to write to partition ${partitionName(id)}`, {
      details: { ...id, systemCode: code },
      hint: "free space in the data folder, or lower the topic's retention; producing goes on as soon as there is space",
      retriable: true,
      cause,
    });
  }
  const reason = cause instanceof Error ? cause.message : String(cause);
  return flvError("FLV_STORAGE", `Writing to partition ${partitionName(id)} failed: ${reason}`, {
    details: { ...id, ...(code === undefined ? {} : { systemCode: code }) },
    hint: "check the disk that holds the data folder; nothing that failed was acknowledged",
    cause,
  });
}

/** What waits for a sync that failed gets: none of it is known to be on disk. */
export function syncError(id: PartitionId, cause: unknown): FluvioError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return flvError("FLV_STORAGE", `Syncing partition ${partitionName(id)} to disk failed: ${reason}`, {
    details: { ...id, systemCode: systemErrorCode(cause) ?? "unknown" },
    hint: "check the disk that holds the data folder; records that were not acknowledged must be sent again",
    cause,
  });
}

export function readError(id: PartitionId, offset: number, cause: unknown): FluvioError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return flvError("FLV_STORAGE", `Reading partition ${partitionName(id)} at offset ${offset} failed: ${reason}`, {
    details: { ...id, offset },
    hint: "check the disk that holds the data folder",
    cause,
  });
}

export function closedError(id: PartitionId): FluvioError {
  return flvError("FLV_STORAGE", `The log of partition ${partitionName(id)} is closed`, {
    details: { ...id },
    hint: "the cluster is stopping or the topic was deleted",
  });
}

export function corruptError(
  id: PartitionId,
  where: { readonly offset: number; readonly fromOffset: number; readonly toOffset: number; readonly file: string },
): FluvioError {
  return flvError(
    "FLV_BATCH_CORRUPT",
    `Stored records of partition ${partitionName(id)} are corrupt: offsets ${where.fromOffset} to ${where.toOffset - 1}`,
    {
      details: { ...id, ...where, nextIntact: where.toOffset },
      hint: `restore ${where.file} from a copy, or read on from offset ${where.toOffset}`,
    },
  );
}
