/**
 * Every error a user can meet has one of these codes. Add a code here, next to its kin, before raising it;
 * a code is public: scripts branch on it.
 */
export type FluvioErrorCode =
  // bytes and frames
  | "FLV_INT_RANGE"
  | "FLV_DECODE"
  | "FLV_ENCODE"
  | "FLV_FRAME_TOO_LARGE"
  | "FLV_BATCH_CORRUPT"
  | "FLV_BATCH_TOO_LARGE"
  | "FLV_RECORD_TOO_LARGE"
  | "FLV_COMPRESSION"
  // connections
  | "FLV_CONNECT"
  | "FLV_CONNECTION_CLOSED"
  | "FLV_TIMEOUT"
  | "FLV_ABORTED"
  | "FLV_VERSION_INCOMPATIBLE"
  | "FLV_TLS"
  // answers of the cluster (one per wire code that a user can act on)
  | "FLV_SERVER"
  | "FLV_OFFSET_OUT_OF_RANGE"
  | "FLV_OFFSET_EVICTED"
  | "FLV_NOT_LEADER"
  | "FLV_PERMISSION_DENIED"
  | "FLV_STORAGE"
  | "FLV_DISK_FULL"
  | "FLV_INVALID_REQUEST"
  | "FLV_SPU_NOT_FOUND"
  | "FLV_SPU_ALREADY_EXISTS"
  | "FLV_TOPIC_NOT_FOUND"
  | "FLV_TOPIC_ALREADY_EXISTS"
  | "FLV_TOPIC_INVALID"
  | "FLV_TOPIC_DELETED"
  | "FLV_TOPIC_NOT_PROVISIONED"
  | "FLV_PARTITION_NOT_FOUND"
  | "FLV_SYSTEM_OBJECT"
  | "FLV_SMARTMODULE_NOT_FOUND"
  | "FLV_SMARTMODULE_ALREADY_EXISTS"
  | "FLV_SMARTMODULE_INVALID"
  | "FLV_SMARTMODULE_BUILD"
  | "FLV_SMARTMODULE_INIT"
  | "FLV_SMARTMODULE_RUNTIME"
  | "FLV_SMARTMODULE_LOOKBACK"
  | "FLV_SMARTMODULE_TIME_LIMIT"
  | "FLV_SMARTMODULE_MEMORY_LIMIT"
  | "FLV_SMARTMODULE_OUTPUT_LIMIT"
  | "FLV_TABLE_FORMAT_NOT_FOUND"
  | "FLV_TABLE_FORMAT_ALREADY_EXISTS"
  | "FLV_CONNECTOR_NOT_FOUND"
  | "FLV_CONNECTOR_ALREADY_EXISTS"
  | "FLV_CONNECTOR_INVALID"
  | "FLV_CONNECTOR_BUILD"
  | "FLV_CONNECTOR_STOPPED"
  | "FLV_CONNECTOR_POSITION"
  | "FLV_SECRET_NOT_FOUND"
  | "FLV_SECRET_KEY"
  | "FLV_SINK_REFUSED"
  | "FLV_SINK_UNAVAILABLE"
  | "FLV_CONSUMER_OFFSET"
  | "FLV_AGGREGATE_STATE"
  | "FLV_MIRROR"
  | "FLV_UNSUPPORTED"
  // this machine: files, flags, processes
  | "FLV_CONFIG"
  | "FLV_PROFILE_NOT_FOUND"
  | "FLV_ARGUMENT"
  | "FLV_FILE"
  | "FLV_PACKAGE"
  | "FLV_DATA_LOCKED"
  | "FLV_CLUSTER_RUNNING"
  | "FLV_CLUSTER_NOT_RUNNING"
  | "FLV_CLUSTER_START"
  | "FLV_PORT_IN_USE";

/** What an error carries besides its sentence. */
export interface FluvioErrorOptions {
  /** The offending values and where they were met: topic, partition, byte offset, limit. */
  readonly details?: Readonly<Record<string, unknown>>;
  /** How to fix it: one sentence that a user can act on. */
  readonly hint?: string;
  /** Whether the same call may succeed later without a change. */
  readonly retriable?: boolean;
  readonly cause?: unknown;
}

const BRAND = Symbol.for("fluvio.FluvioError");

/** The one error class of the product. Branch on `code`; check with {@link isFluvioError}, not `instanceof`. */
export class FluvioError extends Error {
  readonly code: FluvioErrorCode;
  readonly details: Readonly<Record<string, unknown>>;
  readonly hint: string | undefined;
  readonly retriable: boolean;
  readonly [BRAND] = true;

  constructor(code: FluvioErrorCode, message: string, options: FluvioErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "FluvioError";
    this.code = code;
    this.details = options.details ?? {};
    this.hint = options.hint;
    this.retriable = options.retriable ?? false;
  }
}

/** Makes a {@link FluvioError}; the sentence says what happened and to what, the hint how to fix it. */
export function flvError(code: FluvioErrorCode, message: string, options?: FluvioErrorOptions): FluvioError {
  return new FluvioError(code, message, options);
}

/** True for a {@link FluvioError} of any copy of this package. */
export function isFluvioError(error: unknown): error is FluvioError {
  return typeof error === "object" && error !== null && BRAND in error;
}

/** Crashes the current unit of work when an invariant of our own is broken. Not for input. */
export function assert(condition: unknown, why: string): asserts condition {
  if (!condition) throw new Error(`broken invariant: ${why}`);
}
