import type { FluvioErrorCode } from "./errors.ts";
import type { Codec } from "./schema.ts";
import { enumeration, i64, nothing, optional, recordData, string, struct, u32, u64 } from "./schema.ts";
import { renderRuntimeError } from "./smartmodule-error.ts";

/** What an error is about, where the caller knows more than the wire says. */
export interface WireErrorContext {
  readonly topic?: string;
  readonly partition?: number;
  /** Name of the object of a Create, Delete or Update. */
  readonly name?: string;
  /** `errorMessage` of the answer. */
  readonly message?: string | undefined;
}

export interface WireErrorRow<P = unknown, I = unknown> {
  readonly number: number;
  readonly payload: Codec<P, I>;
  readonly code: FluvioErrorCode;
  readonly retriable: boolean;
  /** First part of what a user reads. */
  readonly sentence: (payload: P, context: WireErrorContext) => string;
  readonly hint?: string;
}

interface RowOptions {
  readonly retriable?: true;
  readonly hint?: string;
}

function row<P, I>(
  number: number,
  code: FluvioErrorCode,
  payload: Codec<P, I>,
  sentence: (payload: P, context: WireErrorContext) => string,
  options: RowOptions = {},
): WireErrorRow<P, I> {
  return {
    number,
    payload,
    code,
    sentence,
    retriable: options.retriable ?? false,
    ...(options.hint === undefined ? {} : { hint: options.hint }),
  };
}

type Plain = Record<never, never>;

/** A code without payload whose sentence is fixed; the server's own message, or the name, follows it. */
function plain(number: number, code: FluvioErrorCode, words: string, options?: RowOptions): WireErrorRow<Plain, Plain> {
  return row(number, code, nothing, (_payload, context) => withDetail(words, context.message), options);
}

/** A code about a named thing: `Topic not found: orders`. */
function about(
  number: number,
  code: FluvioErrorCode,
  words: string,
  of: "topic" | "partition" | "name",
  options?: RowOptions,
): WireErrorRow<Plain, Plain> {
  return row(number, code, nothing, (_payload, context) => withDetail(words, subject(of, context)), options);
}

/** As {@link about}, where only the server knows the reason: its message is what a user needs. */
function told(
  number: number,
  code: FluvioErrorCode,
  words: string,
  of: "topic",
  options?: RowOptions,
): WireErrorRow<Plain, Plain> {
  return row(
    number,
    code,
    nothing,
    (_payload, context) => withDetail(words, context.message || subject(of, context)),
    options,
  );
}

function withDetail(words: string, detail: string | undefined): string {
  if (detail === undefined || detail === "") return words;
  return detail.startsWith(words) ? detail : `${words}: ${detail}`;
}

function subject(of: "topic" | "partition" | "name", context: WireErrorContext): string | undefined {
  const topic = context.topic ?? context.name;
  if (of === "name") return context.name ?? context.topic;
  if (of === "partition" && topic !== undefined && context.partition !== undefined) {
    return `${topic}-${context.partition}`;
  }
  return topic;
}

const Message = struct({ message: string });
const Kind = enumeration(
  "SmartModuleKind of an error",
  "filter",
  "map",
  "arrayMap",
  "aggregate",
  "filterMap",
  "join",
  "generic",
);

const LIST_TOPICS = "List the topics with `fluvio topic list`.";
const LIST_SMARTMODULES = "List the SmartModules with `fluvio smartmodule list`.";

/**
 * Every error code of the wire, once: number, payload, what a user gets of it. Names are the original's, its spelling
 * included. No payload field may be called `name`. A code that is not here is undecodable for every peer: what has no code goes as `Other`.
 */
export const WIRE_ERRORS = {
  UnknownServerError: plain(-1, "FLV_SERVER", "unknown server error"),
  None: plain(0, "FLV_SERVER", "no error"),
  OffsetOutOfRange: plain(1, "FLV_OFFSET_OUT_OF_RANGE", "Offset out of range", {
    hint: "Choose an offset between the start and the end of the partition: see `fluvio partition list`.",
  }),
  Other: row(2, "FLV_SERVER", Message, ({ message }) => message || "other server error"),
  NotLeaderForPartition: about(6, "FLV_NOT_LEADER", "The SPU does not lead the partition", "partition", {
    retriable: true,
  }),
  RequestTimedOut: row(
    7,
    "FLV_TIMEOUT",
    struct({ timeoutMs: u64, kind: enumeration("RequestKind", "produce") }),
    ({ timeoutMs, kind }) => `The ${kind} request timed out after ${timeoutMs} ms`,
    { retriable: true, hint: "The records may be written all the same. Raise the timeout or use readUncommitted." },
  ),
  MessageTooLarge: plain(10, "FLV_BATCH_TOO_LARGE", "The batch is too large", {
    hint: "Lower the batch size, or create the topic with a larger segment size.",
  }),
  PermissionDenied: plain(13, "FLV_PERMISSION_DENIED", "permission denied", {
    hint: "Use a profile whose identity may do this.",
  }),
  StorageError: plain(56, "FLV_STORAGE", "The SPU could not write or read its log", {
    retriable: true,
    hint: "See the SPU's log, and `fluvio cluster status`.",
  }),
  InvalidCreateRequest: plain(60, "FLV_INVALID_REQUEST", "Invalid create request"),
  InvalidDeleteRequest: plain(61, "FLV_INVALID_REQUEST", "Invalid delete request"),
  OffsetEvicted: row(
    71,
    "FLV_OFFSET_EVICTED",
    struct({ offset: i64, nextAvailable: i64 }),
    ({ offset, nextAvailable }) => `Offset ${offset} has been evicted: the next available offset is ${nextAvailable}`,
    { hint: "Read from the next available offset on, or give the topic a longer retention." },
  ),
  PartitionFull: row(
    72,
    "FLV_DISK_FULL",
    struct({ topic: string, partition: u32 }),
    ({ topic, partition }) => `Partition ${topic}-${partition} is full: the disk of its SPU has no space left`,
    { retriable: true, hint: "Free disk space on the SPU's machine, or shorten the retention of topics." },
  ),
  PartitionShortCircuited: about(73, "FLV_STORAGE", "Partition refuses writes after a failed one", "partition", {
    retriable: true,
    hint: "Free disk space on the SPU's machine and restart the SPU.",
  }),

  SpuError: plain(1000, "FLV_SERVER", "SPU error"),
  SpuRegisterationFailed: plain(1001, "FLV_SERVER", "SPU registration failed"),
  SpuOffline: plain(1002, "FLV_SERVER", "SPU is offline", { retriable: true }),
  SpuNotFound: about(1003, "FLV_SPU_NOT_FOUND", "SPU not found", "name", {
    hint: "List the SPUs with `fluvio cluster spu list`.",
  }),
  SpuAlreadyExists: about(1004, "FLV_SPU_ALREADY_EXISTS", "SPU already exists", "name"),

  TopicError: plain(2000, "FLV_TOPIC_INVALID", "Topic error"),
  TopicNotFound: about(2001, "FLV_TOPIC_NOT_FOUND", "Topic not found", "topic", {
    hint: `${LIST_TOPICS} Create one with \`fluvio topic create\`.`,
  }),
  TopicAlreadyExists: about(2002, "FLV_TOPIC_ALREADY_EXISTS", "Topic already exists", "topic", {
    hint: "Choose another name, or delete the topic first.",
  }),
  TopicPendingInitialization: told(2003, "FLV_TOPIC_NOT_PROVISIONED", "Topic is not ready yet", "topic", {
    retriable: true,
  }),
  TopicInvalidConfiguration: plain(2004, "FLV_TOPIC_INVALID", "Invalid topic configuration"),
  TopicNotProvisioned: told(2005, "FLV_TOPIC_NOT_PROVISIONED", "Topic could not be provisioned", "topic"),
  TopicInvalidName: about(2006, "FLV_TOPIC_INVALID", "Invalid topic name", "topic", {
    hint: "Use 1 to 63 of the characters a-z, 0-9 and -, not beginning or ending with -.",
  }),
  TopicDeleted: about(2007, "FLV_TOPIC_DELETED", "Topic was deleted", "topic"),
  TopicInvalidReplicaType: plain(
    2008,
    "FLV_TOPIC_INVALID",
    "The topic's kind of replica assignment does not allow this",
  ),

  PartitionPendingInitialization: about(3000, "FLV_NOT_LEADER", "Partition is not ready yet", "partition", {
    retriable: true,
  }),
  PartitionNotLeader: about(3001, "FLV_NOT_LEADER", "The SPU does not lead the partition", "partition", {
    retriable: true,
  }),
  FetchSessionNotFoud: plain(3002, "FLV_CONSUMER_OFFSET", "The SPU knows no such stream on this connection"),
  OffsetFlushRequestError: row(3003, "FLV_CONSUMER_OFFSET", Message, ({ message }) =>
    withDetail("Consumer offset could not be stored", message),
  ),
  OffsetManagementDisabled: plain(3004, "FLV_CONSUMER_OFFSET", "The stream has no consumer id", {
    hint: "Give the consumer an id when it starts.",
  }),
  MaxRetryReached: plain(3005, "FLV_CONNECT", "Max limit of retry connection reached", { retriable: true }),

  ManagedConnectorError: plain(5000, "FLV_CONNECTOR_INVALID", "Connector error"),
  ManagedConnectorNotFound: about(5001, "FLV_CONNECTOR_NOT_FOUND", "Connector not found", "name", {
    hint: "List the connectors with `fluvio connector list`.",
  }),
  ManagedConnectorAlreadyExists: about(5002, "FLV_CONNECTOR_ALREADY_EXISTS", "Connector already exists", "name", {
    hint: "Change it with `fluvio connector update`, or delete it first.",
  }),

  SmartModuleError: plain(6000, "FLV_SMARTMODULE_INVALID", "SmartModule error"),
  SmartModuleNotFound: row(
    6001,
    "FLV_SMARTMODULE_NOT_FOUND",
    struct({ smartmodule: string }),
    ({ smartmodule }, context) => {
      const known = smartmodule || context.name;
      return known === undefined ? "SmartModule not found" : `SmartModule ${known} was not found`;
    },
    { hint: LIST_SMARTMODULES },
  ),
  SmartModuleInvalid: row(
    6002,
    "FLV_SMARTMODULE_INVALID",
    struct({ error: string, smartmodule: optional(string) }),
    ({ error, smartmodule }) =>
      withDetail(smartmodule === undefined ? "SmartModule is invalid" : `SmartModule ${smartmodule} is invalid`, error),
  ),
  SmartModuleInvalidExports: row(
    6003,
    "FLV_SMARTMODULE_INVALID",
    struct({ error: string, kind: string }),
    ({ error, kind }) => withDetail(`SmartModule is no ${kind}`, error),
  ),
  SmartModuleRuntimeError: row(
    6004,
    "FLV_SMARTMODULE_RUNTIME",
    struct({
      hint: string,
      offset: i64,
      kind: Kind,
      recordKey: optional(recordData),
      recordValue: recordData,
    }),
    (payload) => renderRuntimeError(payload),
  ),
  SmartModuleChainInitError: row(
    6005,
    "FLV_SMARTMODULE_INIT",
    Message,
    ({ message }) => withDetail("SmartModule chain could not be built", message),
    { hint: "See what a stored SmartModule takes, and why one cannot run, with `fluvio smartmodule describe NAME`." },
  ),
  SmartModuleInitError: row(6006, "FLV_SMARTMODULE_INIT", struct({ hint: string }), ({ hint }) =>
    withDetail("SmartModule init failed", hint),
  ),
  SmartModuleLookBackError: row(6007, "FLV_SMARTMODULE_LOOKBACK", Message, ({ message }) =>
    withDetail("SmartModule look_back failed", message),
  ),
  SmartModuleMemoryLimitExceeded: row(
    6008,
    "FLV_SMARTMODULE_MEMORY_LIMIT",
    struct({ requested: u64, max: u64 }),
    ({ requested, max }) => `SmartModule asked for ${requested} bytes of memory, the limit is ${max}`,
    { hint: "Let the module keep less, or raise the memory limit of the SPU." },
  ),

  TableFormatError: plain(7000, "FLV_INVALID_REQUEST", "TableFormat error"),
  TableFormatNotFound: about(7001, "FLV_TABLE_FORMAT_NOT_FOUND", "TableFormat not found", "name", {
    hint: "List the table formats with `fluvio table-format list`.",
  }),
  TableFormatAlreadyExists: about(7002, "FLV_TABLE_FORMAT_ALREADY_EXISTS", "TableFormat already exists", "name"),

  DerivedStreamObjectError: plain(8000, "FLV_UNSUPPORTED", "Derived stream error"),
  DerivedStreamNotFound: row(8001, "FLV_UNSUPPORTED", Message, ({ message }) =>
    withDetail("Derived stream not found", message),
  ),
  DerivedStreamJoinFetchError: plain(8002, "FLV_UNSUPPORTED", "Derived stream could not read its join"),
  DerivedStreamInvalid: row(8003, "FLV_UNSUPPORTED", Message, ({ message }) =>
    withDetail("Derived stream is invalid", message),
  ),

  CompressionError: about(9000, "FLV_COMPRESSION", "The topic does not take this compression", "topic", {
    hint: "Produce with the compression that `fluvio topic describe` shows.",
  }),
  DeduplicationSmartModuleNotLoaded: about(
    10000,
    "FLV_SMARTMODULE_NOT_FOUND",
    "Deduplication SmartModule not found",
    "name",
    {
      hint: LIST_SMARTMODULES,
    },
  ),
  DeduplicationSmartModuleNameInvalid: row(10001, "FLV_TOPIC_INVALID", Message, ({ message }) =>
    withDetail("Invalid name of a deduplication SmartModule", message),
  ),

  MirrorNotFound: about(11001, "FLV_MIRROR", "Mirror not found", "name"),
  MirrorAlreadyExists: about(11002, "FLV_MIRROR", "Mirror already exists", "name"),
  MirrorProduceFromHome: about(11003, "FLV_MIRROR", "A home cluster cannot produce to its mirror topic", "topic"),
  MirrorDeleteFromRemote: about(11004, "FLV_MIRROR", "A remote cluster cannot delete a mirror topic", "topic"),
  MirrorInvalidType: about(11005, "FLV_MIRROR", "Mirror is of the wrong type", "name"),
  MirrorProduceFromRemoteNotAllowed: about(
    11006,
    "FLV_MIRROR",
    "A remote cluster may not produce to this mirror topic",
    "topic",
  ),

  SystemSpecDeletionAttempt: row(
    12001,
    "FLV_SYSTEM_OBJECT",
    struct({ kind: string, object: string }),
    ({ kind, object }) => `System ${kind} "${object}" is not deleted without force`,
    { hint: "Delete it with `--system --force` if you are sure." },
  ),
  SystemSpecUpdatingAttempt: row(
    12002,
    "FLV_SYSTEM_OBJECT",
    struct({ kind: string, object: string }),
    ({ kind, object }) => `System ${kind} "${object}" cannot be changed`,
  ),
} as const;
