import type { Infer, InputOf } from "../schema.ts";
import { array, bool, enumeration, i32, nothing, optional, since, string, struct, u64, union } from "../schema.ts";

/** A partition whose records come from, or go to (`target`), a home cluster. */
export const RemotePartitionConfig = struct({
  homeCluster: string,
  homeSpuKey: string,
  homeSpuId: i32,
  homeSpuEndpoint: string,
  target: since(18, bool),
});

/** A partition that a remote cluster mirrors, or (`source`) is fed from. */
export const HomePartitionConfig = struct({
  remoteCluster: string,
  remoteReplica: string,
  source: since(18, bool),
});

export const PartitionMirrorConfig = union("PartitionMirrorConfig", {
  remote: [0, RemotePartitionConfig],
  home: [1, HomePartitionConfig],
});
export type PartitionMirrorConfig = Infer<typeof PartitionMirrorConfig>;

/** Mirroring of a topic, from the remote's or the home's side. */
export const MirrorConfig = union("MirrorConfig", {
  remote: [
    0,
    struct({
      homeCluster: string,
      homeSpus: array(struct({ id: i32, key: string, endpoint: string })),
      target: since(18, bool),
    }),
  ],
  home: [1, struct({ partitions: array(HomePartitionConfig), source: since(18, bool) })],
});
export type MirrorConfig = Infer<typeof MirrorConfig>;

/** A peer cluster that is mirrored with this one. */
export const MirrorSpec = union("MirrorType", {
  remote: [0, struct({ id: string })],
  home: [
    1,
    struct({
      id: string,
      remoteId: string,
      publicEndpoint: string,
      clientTls: optional(struct({ domain: string, caCert: string, clientCert: string, clientKey: string })),
    }),
  ],
});
export type MirrorSpec = Infer<typeof MirrorSpec>;
export type MirrorSpecInput = InputOf<typeof MirrorSpec>;

const MirrorPairStatus = union("MirrorPairStatus", {
  waiting: [0, nothing],
  successful: [1, nothing],
  failed: [2, nothing],
  disabled: [3, nothing],
  unauthorized: [4, nothing],
  detailFailure: [5, struct({ message: string })],
});

export const MirrorStatus = struct({
  connectionStatus: enumeration("ConnectionStatus", "offline", "online"),
  pairingSc: MirrorPairStatus,
  pairingSpu: MirrorPairStatus,
  lastSeenMs: u64,
});
export type MirrorStatus = Infer<typeof MirrorStatus>;
