import { flvError } from "../protocol/index.ts";
import type { CreateTopicOptions } from "./admin-types.ts";
import type { StartOffset } from "./types.ts";

/*
 * Constants, enumerations and value classes of the npm package `@fluvio/client`.
 */

export const DEFAULT_HOST = "127.0.0.1";
export const DEFAULT_PORT = 9003;
export const DEFAULT_PUBLIC_PORT = 9005;
export const DEFAULT_PRIVATE_PORT = 9006;
export const DEFAULT_REPLICAS = 3;
export const DEFAULT_ID = 0;
export const DEFAULT_MIN_ID = 0;
export const DEFAULT_OFFSET = 0;
export const DEFAULT_TOPIC = "message";
export const DEFAULT_OFFSET_FROM = "end";
export const DEFAULT_PARTITIONS = 1;
export const DEFAULT_REPLICATION_FACTOR = 1;
export const DEFAULT_IGNORE_RACK_ASSIGNMENT = false;

/** From which side an {@link Offset} counts. */
export const OffsetFrom = { Beginning: "beginning", End: "end" } as const;
export type OffsetFrom = (typeof OffsetFrom)[keyof typeof OffsetFrom];

export const SmartModuleType = {
  Filter: "filter",
  Map: "map",
  ArrayMap: "array_map",
  FilterMap: "filter_map",
  Aggregate: "aggregate",
} as const;
export type SmartModuleType = (typeof SmartModuleType)[keyof typeof SmartModuleType];

export const Encryption = { Plaintext: "plaintext", Ssl: "ssl" } as const;
export type Encryption = (typeof Encryption)[keyof typeof Encryption];

/** Numbers that `@fluvio/client` gives errors. Errors of this client carry codes of their own: see `FluvioError`. */
export const ErrorCode = {
  UnknownServerError: 0,
  None: 1,
  OffsetOutOfRange: 2,
  NotLeaderForPartition: 3,
  StorageError: 4,
  SpuError: 5,
  SpuRegisterationFailed: 6,
  SpuOffline: 7,
  SpuNotFound: 8,
  SpuAlreadyExists: 9,
  TopicError: 10,
  TopicNotFound: 11,
  TopicAlreadyExists: 12,
  TopicPendingInitialization: 13,
  TopicInvalidConfiguration: 14,
  PartitionPendingInitialization: 15,
  PartitionNotLeader: 16,
} as const;
export type ErrorCode = (typeof ErrorCode)[keyof typeof ErrorCode];

/** A place in a partition, counted from either side. Default: the end. */
export class Offset {
  readonly index: number;
  readonly from: OffsetFrom;

  constructor({ index = DEFAULT_OFFSET, from = DEFAULT_OFFSET_FROM }: { index?: number; from?: OffsetFrom } = {}) {
    this.index = index;
    this.from = from;
  }

  static FromBeginning(): Offset {
    return new Offset({ index: 0, from: OffsetFrom.Beginning });
  }
  static FromEnd(): Offset {
    return new Offset({ index: 0, from: OffsetFrom.End });
  }

  /** @throws FLV_ARGUMENT */
  toStartOffset(): StartOffset {
    if (this.from === OffsetFrom.Beginning) return { fromBeginning: this.index };
    if (this.from === OffsetFrom.End) return { fromEnd: this.index };
    throw flvError("FLV_ARGUMENT", `unknown offset type "${String(this.from)}"`, {
      hint: "use OffsetFrom.Beginning or OffsetFrom.End",
    });
  }
}

/** SPUs of one partition, the leader first. */
export interface PartitionMap {
  readonly id: number;
  readonly replicas: readonly number[];
}

export type PartitionMaps = readonly PartitionMap[];

/** Replicas that the cluster assigns. */
export interface TopicReplicaParam {
  readonly partitions?: number;
  readonly replicationFactor?: number;
  readonly ignoreRackAssignment?: boolean;
}

/** What a new topic should be; can be given to `createTopic`. */
export class TopicSpec implements CreateTopicOptions {
  readonly partitions: number;
  readonly replicationFactor: number;
  readonly ignoreRackAssignment: boolean;
  readonly assignment?: readonly PartitionMap[];

  constructor(options: TopicReplicaParam & { readonly maps?: PartitionMaps } = {}) {
    this.partitions = options.partitions ?? DEFAULT_PARTITIONS;
    this.replicationFactor = options.replicationFactor ?? DEFAULT_REPLICATION_FACTOR;
    this.ignoreRackAssignment = options.ignoreRackAssignment ?? DEFAULT_IGNORE_RACK_ASSIGNMENT;
    if (options.maps !== undefined) this.assignment = options.maps;
  }
}

export interface Endpoint {
  readonly host: string;
  readonly port: number;
  readonly encryption: Encryption;
}
export interface IngressAddr {
  readonly hostname?: string;
  readonly ip?: string;
}
export interface IngressPort {
  readonly port: number;
  readonly ingress: readonly IngressAddr[];
  readonly encryption: Encryption;
}

const SPU_ID_RANGE = 0x7fffffff;

/** A custom SPU; can be given to `createCustomSpu`. */
export class CustomSpuSpec {
  readonly id: number;
  readonly privateEndpoint: Endpoint;
  readonly publicEndpoint: IngressPort;
  readonly rack?: string;

  constructor(options: { id?: number; privateEndpoint?: Endpoint; publicEndpoint?: IngressPort; rack?: string } = {}) {
    this.id = options.id ?? Math.floor(Math.random() * SPU_ID_RANGE);
    this.privateEndpoint = options.privateEndpoint ?? {
      host: DEFAULT_HOST,
      port: DEFAULT_PRIVATE_PORT,
      encryption: Encryption.Plaintext,
    };
    this.publicEndpoint = options.publicEndpoint ?? {
      port: DEFAULT_PUBLIC_PORT,
      ingress: [{ hostname: DEFAULT_HOST }],
      encryption: Encryption.Plaintext,
    };
    if (options.rack !== undefined) this.rack = options.rack;
  }
}

/** How far one replica of a partition is. */
export interface ReplicaStatus {
  readonly spu: number;
  readonly hw: number;
  readonly leo: number;
}

export interface EnvVar {
  readonly name: string;
  readonly value: string;
}
export interface StorageConfig {
  readonly logDir?: string;
  readonly size?: string;
}
export interface ReplicationConfig {
  readonly inSyncReplicaMin?: number;
}

/** Settings of the SPUs of a group. */
export interface SpuConfig {
  readonly env?: readonly EnvVar[];
  readonly storage?: StorageConfig;
  readonly replication?: ReplicationConfig;
  readonly rack?: string;
}

/** A group of SPUs; can be given to `createManagedSpu` and `createSpuGroup`. */
export class SpuGroupSpec {
  readonly replicas: number;
  readonly minId: number;
  readonly env: readonly EnvVar[];
  readonly storage?: StorageConfig;
  readonly replication?: ReplicationConfig;
  readonly rack?: string;

  constructor(options: { replicas?: number; minId?: number; spuConfig?: SpuConfig } = {}) {
    const { env = [], storage, replication, rack } = options.spuConfig ?? {};
    this.replicas = options.replicas ?? DEFAULT_REPLICAS;
    this.minId = options.minId ?? DEFAULT_MIN_ID;
    this.env = env;
    if (storage !== undefined) this.storage = storage;
    if (replication !== undefined) this.replication = replication;
    if (rack !== undefined) this.rack = rack;
  }
}

/** One byte for each UTF-16 unit of the text, of which the low half counts. */
export function stringToArrayBuffer(text: string): ArrayBuffer {
  return Uint8Array.from(text, (character) => character.charCodeAt(0)).buffer;
}

/** The bytes as UTF-8. */
export function arrayBufferToString(buffer: ArrayBuffer): string {
  return new TextDecoder().decode(buffer);
}
