import {
  AckPolicy,
  type ConsumerConfig,
  type ConsumerInfo,
  DeliverPolicy,
  JetStreamApiCodes,
  JetStreamApiError,
  type JetStreamManager,
  RetentionPolicy,
  type StreamInfo,
} from "@nats-io/jetstream";

/** What is asked for of a durable consumer. */
export interface WantedConsumer {
  readonly stream: string;
  readonly durable: string;
  readonly filters: readonly string[];
  /** Where a consumer begins that has never been there. */
  readonly start: "all" | "new" | "last";
  readonly ackPendingMax: number;
  readonly ackWaitMs: number;
}

/** Up to where records are stored, and in which stream: one that is made anew counts from 1 again. */
export interface StoredUpTo {
  readonly created: string;
  readonly sequence: number;
}

/** Tells our consumers from those that somebody made by hand, which are left as they are. */
const DESCRIPTION = "made by a Fluvio connector";
const NANOS_PER_MS = 1_000_000;

/**
 * Makes the durable consumer, or one that goes on behind what is stored: the server would give what was in hand at the end
 * of the last connection only after `ackWaitMs`, behind newer messages.
 * @returns when the stream was made
 */
export async function ensureConsumer(
  manager: JetStreamManager,
  wanted: WantedConsumer,
  stored: StoredUpTo | undefined,
): Promise<string> {
  const { stream, durable } = wanted;
  const streamInfo = await manager.streams.info(stream);
  const { created } = streamInfo;
  const storedSequence = stored?.created === created ? stored.sequence : 0;
  const existing = await consumerInfo(manager, stream, durable);
  if (existing === undefined) {
    await manager.consumers.add(stream, configOf(wanted, streamInfo, storedSequence));
    return created;
  }
  const acknowledged = existing.ack_floor.stream_seq;
  const isBehind = existing.num_ack_pending > 0 || storedSequence > acknowledged;
  if (!isOurs(existing) || !(isBehind || isOther(existing.config, wanted))) return created;
  // With this kind of stream, messages that no consumer wants are gone.
  if (streamInfo.config.retention === RetentionPolicy.Interest) return created;
  await manager.consumers.delete(stream, durable);
  const from = Math.max(storedSequence, acknowledged);
  await manager.consumers.add(stream, configOf(wanted, streamInfo, from));
  return created;
}

async function consumerInfo(manager: JetStreamManager, stream: string, durable: string) {
  try {
    return await manager.consumers.info(stream, durable);
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === JetStreamApiCodes.ConsumerNotFound) return undefined;
    throw error;
  }
}

const isOurs = ({ config }: ConsumerInfo): boolean => config.description === DESCRIPTION;

function isOther(config: ConsumerConfig, wanted: WantedConsumer): boolean {
  const filters = config.filter_subjects ?? (config.filter_subject ? [config.filter_subject] : []);
  return (
    [...filters].sort().join() !== [...wanted.filters].sort().join() ||
    config.max_ack_pending !== wanted.ackPendingMax ||
    config.ack_wait !== wanted.ackWaitMs * NANOS_PER_MS
  );
}

const POLICIES = { all: DeliverPolicy.All, new: DeliverPolicy.New, last: DeliverPolicy.Last } as const;

/** @param from the last sequence that is stored; 0 when there is none */
function configOf(wanted: WantedConsumer, { config }: StreamInfo, from: number): Partial<ConsumerConfig> {
  const { filters } = wanted;
  // A work queue drops what is acknowledged, and takes no other beginning.
  const isQueue = config.retention === RetentionPolicy.Workqueue;
  return {
    durable_name: wanted.durable,
    description: DESCRIPTION,
    ack_policy: AckPolicy.Explicit,
    ack_wait: wanted.ackWaitMs * NANOS_PER_MS,
    max_ack_pending: wanted.ackPendingMax,
    ...(filters.length === 1 ? { filter_subject: filters[0] ?? "" } : {}),
    ...(filters.length > 1 ? { filter_subjects: [...filters] } : {}),
    ...(isQueue || from === 0
      ? { deliver_policy: isQueue ? DeliverPolicy.All : POLICIES[wanted.start] }
      : { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: from + 1 }),
  };
}
