import type { Infer, InputOf } from "../schema.ts";
import { bytes, enumeration, optional, string, struct, u32 } from "../schema.ts";

/** Extension: a connector that the cluster runs. The original dropped this object. */
export const ManagedConnectorSpec = struct({
  /** The normalised connector file, JSON in UTF-8. */
  config: bytes,
});
export type ManagedConnectorSpec = Infer<typeof ManagedConnectorSpec>;
export type ManagedConnectorSpecInput = InputOf<typeof ManagedConnectorSpec>;

export const ManagedConnectorStatus = struct({
  resolution: enumeration(
    "ManagedConnectorResolution",
    "initializing",
    "invalid",
    "pending",
    "running",
    "failed",
    "stopped",
    "paused",
  ),
  reason: string,
  processId: optional(u32),
  restarts: u32,
});
export type ManagedConnectorStatus = Infer<typeof ManagedConnectorStatus>;
