import type { Infer } from "../../schema.ts";
import { array, i64, optional, recordSet, since, struct, u32 } from "../../schema.ts";
import { ErrorCode } from "../../wire-errors.ts";

/** Records of one partition. */
export const FetchablePartitionResponse = struct({
  partitionIndex: u32,
  errorCode: ErrorCode,
  highWatermark: i64,
  /** After SmartModules: the offset to acknowledge; 0 for records as stored. */
  nextFilterOffset: since(11, i64),
  logStartOffset: i64,
  aborted: optional(array(struct({ producerId: i64, firstOffset: i64 }))),
  records: recordSet,
});
export type FetchablePartitionResponse = Infer<typeof FetchablePartitionResponse>;
