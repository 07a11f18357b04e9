import {
  flvError,
  isFluvioError,
  type Logger,
  NO_ERROR,
  type PartitionProduceResponse,
  type ProduceRequest,
  type ProduceResponseInput,
  type WireError,
} from "../../protocol/index.ts";
import type { SmartChain } from "../../smartengine/index.ts";
import type { AppendResult, PartitionLog } from "../../storage/index.ts";
import type { Clock } from "../clock.ts";
import type { ChainFactory } from "./chains.ts";
import type { ConnectionState } from "./connection-state.ts";
import type { Deduplications } from "./deduplication.ts";
import type { SpuLimits } from "./limits.ts";
import { transformBatches } from "./produce-chain.ts";
import { splitRecordSet } from "./record-set.ts";
import { notLeader, type Replica, type ReplicaManager } from "./replica-manager.ts";
import { recordWireError, toWireError } from "./wire-answers.ts";

export interface ProduceOptions {
  readonly replicas: ReplicaManager;
  readonly chains: ChainFactory;
  readonly deduplications: Deduplications;
  readonly limits: SpuLimits;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What an entry without records, or one that failed, has for a base offset. */
const NO_OFFSET = 0;

/**
 * Writes what a request carries. Appends of one connection are made in order of arrival, before this returns (unless
 * SmartModules are at work on that partition); the answer comes when every entry is acknowledged. Entries stand
 * alone: what is wrong with one does not touch another.
 */
export function produce(
  request: ProduceRequest,
  state: ConnectionState,
  options: ProduceOptions,
): Promise<ProduceResponseInput> {
  const work = new RequestWork(request, state, options);
  return work.run();
}

type Entry = ProduceRequest["topics"][number]["partitions"][number];

class RequestWork {
  private readonly request: ProduceRequest;
  private readonly state: ConnectionState;
  private readonly options: ProduceOptions;
  /** One chain a partition, made when its first entry is worked off. */
  private readonly chains = new Map<string, Promise<SmartChain>>();

  constructor(request: ProduceRequest, state: ConnectionState, options: ProduceOptions) {
    this.request = request;
    this.state = state;
    this.options = options;
  }

  async run(): Promise<ProduceResponseInput> {
    try {
      const topics = this.request.topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map((entry) => this.inOrder(name, entry)),
      }));
      const responses: { name: string; partitions: PartitionProduceResponse[] }[] = [];
      for (const { name, partitions } of topics) {
        // one entry is usual for small batches
        const answers = partitions.length === 1 ? [await partitions[0]!] : await Promise.all(partitions);
        responses.push({ name, partitions: answers });
      }
      return { responses, throttleTimeMs: 0 };
    } finally {
      for (const chain of this.chains.values()) {
        chain.then((built) => built[Symbol.asyncDispose]()).catch(() => {});
      }
    }
  }

  /** Appends now, or behind SmartModules that work on earlier records for the same partition. Never rejects. */
  private inOrder(topic: string, entry: Entry): Promise<PartitionProduceResponse> {
    const { produceTails } = this.state;
    if (produceTails.size === 0 && this.request.smartmodules.length === 0) return this.answer(topic, entry);
    const key = `${topic}/${entry.partitionIndex}`;
    const tail = produceTails.get(key);
    if (tail === undefined && this.request.smartmodules.length === 0) return this.answer(topic, entry);
    let result: Promise<PartitionProduceResponse> | undefined;
    const appended = (tail ?? Promise.resolve()).then(() => {
      return new Promise<void>((onAppend) => {
        result = this.answer(topic, entry, onAppend);
        // however it ends, the next one's turn has come
        void result.then(() => onAppend());
      });
    });
    produceTails.set(key, appended);
    return appended.then(() => {
      if (produceTails.get(key) === appended) produceTails.delete(key);
      return result as Promise<PartitionProduceResponse>;
    });
  }

  private async answer(topic: string, entry: Entry, onAppend?: () => void): Promise<PartitionProduceResponse> {
    const { partitionIndex } = entry;
    try {
      const replica = this.options.replicas.leader(topic, entry.partitionIndex);
      if (replica === undefined) throw notLeader(topic, entry.partitionIndex);
      const { assignment, log } = replica;
      let batches = splitRecordSet(entry.records, {
        topic,
        partition: entry.partitionIndex,
        compression: assignment.compression,
        batchBytesMax: Math.min(this.options.limits.batchBytesMax, assignment.segmentSizeBytes),
      });
      if (this.request.smartmodules.length > 0 && batches.length > 0) {
        const output = await transformBatches(await this.chain(replica), batches);
        if (output.error !== undefined) {
          return responseOf(partitionIndex, recordWireError(output.error), NO_OFFSET);
        }
        batches = output.batches;
      }
      if (batches.length === 0) return responseOf(partitionIndex, NO_ERROR, NO_OFFSET);
      const appending = this.options.deduplications.of(replica)?.append(batches) ?? log.append(batches);
      onAppend?.();
      if (this.request.isolation === "readUncommitted") {
        return responseOf(partitionIndex, NO_ERROR, (await appending)?.baseOffset ?? NO_OFFSET);
      }
      return await this.committed(topic, partitionIndex, log, appending);
    } catch (error) {
      this.options.logger.debug({ topic, partition: entry.partitionIndex, error: String(error) }, "a produce failed");
      return responseOf(partitionIndex, toWireError(error, topic, partitionIndex), NO_OFFSET);
    }
  }

  /** Uncommitted producers wait for the log's own acknowledgement, committed ones for the high watermark as well. */
  private async committed(
    topic: string,
    partition: number,
    log: PartitionLog,
    appending: Promise<AppendResult | undefined>,
  ): Promise<PartitionProduceResponse> {
    const { timeoutMs } = this.request;
    let baseOffset = NO_OFFSET;
    const committed = appending.then((appended) => {
      if (appended === undefined) return undefined;
      baseOffset = appended.baseOffset;
      return reached(log, appended.logEndOffset);
    });
    try {
      await withTimeout(committed, timeoutMs, this.options.clock);
      return responseOf(partition, NO_ERROR, baseOffset);
    } catch (error) {
      if (!isFluvioError(error) || error.code !== "FLV_TIMEOUT") throw error;
      // the records stay written: the producer is told where, when that is known
      return responseOf(partition, toWireError(error, topic, partition), baseOffset);
    }
  }

  private chain(replica: Replica): Promise<SmartChain> {
    const key = `${replica.id.topic}/${replica.id.partition}`;
    let chain = this.chains.get(key);
    if (chain === undefined) {
      chain = this.options.chains.build(this.request.smartmodules, replica.log, this.state.connection.signal);
      this.chains.set(key, chain);
    }
    return chain;
  }
}

function responseOf(partitionIndex: number, errorCode: WireError, baseOffset: number): PartitionProduceResponse {
  return { partitionIndex, errorCode, baseOffset, logAppendTimeMs: 0, logStartOffset: 0 };
}

/** Resolves when the high watermark is at or past `offset`. */
function reached(log: PartitionLog, offset: number): Promise<void> {
  if (log.highWatermark >= offset) return Promise.resolve();
  return new Promise((resolve) => {
    const stop = log.onAdvance(() => {
      if (log.highWatermark < offset) return;
      stop();
      resolve();
    });
  });
}

function withTimeout<T>(promise: Promise<T>, timeoutMs: number, clock: Clock): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = clock.after(timeoutMs, () => {
      reject(flvError("FLV_TIMEOUT", `not committed within ${timeoutMs} ms`, { details: { timeoutMs } }));
    });
    promise.finally(cancel).then(resolve, reject);
  });
}
