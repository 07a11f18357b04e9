import type { Infer, InputOf } from "../schema.ts";
import { array, enumeration, i32, optional, string, struct, u16 } from "../schema.ts";

export const SpuGroupSpec = struct({
  replicas: u16,
  minId: i32,
  rack: optional(string),
  replication: optional(struct({ inSyncReplicaMin: optional(u16) })),
  storage: optional(struct({ logDir: optional(string), size: optional(string) })),
  env: array(struct({ name: string, value: string })),
});
export type SpuGroupSpec = Infer<typeof SpuGroupSpec>;
export type SpuGroupSpecInput = InputOf<typeof SpuGroupSpec>;

export const SpuGroupStatus = struct({
  resolution: enumeration("SpuGroupStatusResolution", "init", "invalid", "reserved"),
  reason: optional(string),
});
export type SpuGroupStatus = Infer<typeof SpuGroupStatus>;
