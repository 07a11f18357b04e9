import { api } from "../../api.ts";
import { flvError } from "../../errors.ts";
import type { Codec, Infer, InputOf } from "../../schema.ts";
import { array, i32, i64, optional, recordSet, since, string, struct, u32 } from "../../schema.ts";
import { ErrorCode } from "../../wire-errors.ts";
import { ProduceIsolation } from "./isolation.ts";
import { SmartModuleInvocation } from "./smartmodule-invocation.ts";

/** Milliseconds; a negative time is undecodable. */
const TimeoutMs: Codec<number> = {
  ...i32,
  read: (r, version) => {
    const value = i32.read(r, version);
    if (value < 0) throw flvError("FLV_DECODE", `timeout of ${value} ms at byte ${r.pos - 4} is negative`);
    return value;
  },
  shape: { kind: "special", name: "TimeoutMs", text: "`i32` milliseconds, not negative" },
};

export const PartitionProduceData = struct({ partitionIndex: u32, records: recordSet });
export type PartitionProduceData = Infer<typeof PartitionProduceData>;

/** The layout is the same in every version. */
export const ProduceRequest = struct({
  transactionalId: optional(string),
  isolation: ProduceIsolation,
  timeoutMs: TimeoutMs,
  /** One entry per batch is usual: the same partition may be named again and again. */
  topics: array(struct({ name: string, partitions: array(PartitionProduceData) })),
  /** Applied on the SPU before writing. */
  smartmodules: array(SmartModuleInvocation),
});
export type ProduceRequest = Infer<typeof ProduceRequest>;
export type ProduceRequestInput = InputOf<typeof ProduceRequest>;

export const PartitionProduceResponse = struct({
  partitionIndex: u32,
  errorCode: ErrorCode,
  /** Offset of the first record. */
  baseOffset: i64,
  logAppendTimeMs: since(2, i64),
  logStartOffset: since(5, i64),
});
export type PartitionProduceResponse = Infer<typeof PartitionProduceResponse>;

/** One result per entry of the request, in its order: clients match them by position. */
export const ProduceResponse = struct({
  responses: array(struct({ name: string, partitions: array(PartitionProduceResponse) })),
  throttleTimeMs: since(1, i32),
});
export type ProduceResponse = Infer<typeof ProduceResponse>;
export type ProduceResponseInput = InputOf<typeof ProduceResponse>;

/** Appends batches to partitions. */
export const produceApi = api({
  name: "Produce",
  key: 0,
  minVersion: 0,
  maxVersion: 25,
  fallbackVersion: 25,
  request: ProduceRequest,
  response: ProduceResponse,
});
