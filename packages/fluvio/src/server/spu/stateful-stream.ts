import { flvError, type Logger } from "../../protocol/index.ts";
import type { ChainState } from "../../smartengine/index.ts";
import type { ServerConnection } from "../../transport/index.ts";
import type { AggregateStates, StateSession } from "./aggregate-states.ts";
import { noStateToKeep, type PlannedStep, stepName } from "./chain-steps.ts";
import type { ChainFactory } from "./chains.ts";
import { checkStart } from "./consumer-stream.ts";
import type { SpuLimits } from "./limits.ts";
import type { Replica } from "./replica-manager.ts";
import type { RunningChain } from "./running-chain.ts";
import { chainSource, type StreamSource } from "./stream-source.ts";

export interface StatefulRequest {
  readonly stateName: string;
  readonly label: string;
  readonly plan: readonly PlannedStep[];
  readonly replica: Replica;
  /** Where to begin when nothing is stored. */
  readonly fetchOffset: number;
  readonly maxBytes: number;
  readonly keepsGaps: boolean;
  readonly connection: ServerConnection;
}

export interface StatefulParts {
  readonly states: AggregateStates;
  readonly chains: ChainFactory;
  readonly limits: SpuLimits;
  readonly logger: Logger;
}

/**
 * Opens the source of a stream whose aggregates go on where they were when their last reply was acknowledged. It holds
 * the state until it is closed.
 * @returns the source, and the offset to begin at: the stored one when there is one
 * @throws FLV_AGGREGATE_STATE | FLV_ARGUMENT (no aggregate, or one that the state does not fit) | FLV_OFFSET_EVICTED |
 * FLV_OFFSET_OUT_OF_RANGE | what {@link ChainFactory.open} throws
 */
export async function openStatefulSource(
  request: StatefulRequest,
  parts: StatefulParts,
): Promise<{ readonly offset: number; readonly source: StreamSource }> {
  const { replica, plan, label, connection, maxBytes, keepsGaps } = request;
  const { signal } = connection;
  const session = await parts.states.open({ name: request.stateName, ...replica.id });
  try {
    const offset = startOffset(request, session, parts.logger);
    const state = session.stored?.chain;
    const chain = await parts.chains.open({ label, plan, log: replica.log, signal, state });
    try {
      requireAggregates(plan, await chain.state());
    } catch (error) {
      await chain[Symbol.asyncDispose]();
      throw error;
    }
    const closed = () => {
      Promise.all([chain[Symbol.asyncDispose](), session.close()]).catch((error: unknown) => {
        parts.logger.warn({ error: String(error) }, "a SmartModule chain could not be released");
      });
    };
    const { limits } = parts;
    const inner = chainSource(replica.log, chain, { maxBytes, keepsGaps, limits, connection, closed });
    return { offset, source: statefulSource(inner, chain, session, offset) };
  } catch (error) {
    await session.close();
    throw error;
  }
}

/** The stored offset wins over the client's, which learnt of evicted records only when it asks for what is behind them. */
function startOffset({ replica, fetchOffset }: StatefulRequest, { stored, key }: StateSession, logger: Logger): number {
  const offset = stored?.offset ?? fetchOffset;
  const { logStartOffset, logEndOffset } = replica.log;
  if (stored !== undefined && offset < logStartOffset && fetchOffset > offset) {
    logger.warn({ ...key, offset, logStartOffset }, "records were deleted before an aggregate saw them");
    return logStartOffset;
  }
  if (stored !== undefined && offset > logEndOffset) {
    const { name, topic, partition } = key;
    throw flvError(
      "FLV_AGGREGATE_STATE",
      `The state ${name} is at offset ${offset} of ${topic}-${partition}, which ends at ${logEndOffset}`,
      { details: { ...key, offset, logEndOffset }, hint: "records were lost; begin anew after a reset of the state" },
    );
  }
  checkStart(replica, offset);
  return offset;
}

function requireAggregates(plan: readonly PlannedStep[], state: ChainState): void {
  const other = plan.find(({ options }, index) => options.stateName !== undefined && !state.has(index));
  if (other !== undefined) throw noStateToKeep(other);
}

interface Snapshot {
  /** What the client has to acknowledge for it. */
  readonly offset: number;
  readonly modules: Uint8Array;
}

/**
 * Remembers with each reply what the aggregates were after it, and keeps that when the reply is acknowledged. Only
 * committed records are read: what a state has counted must not vanish.
 */
function statefulSource(
  inner: StreamSource,
  chain: RunningChain,
  session: StateSession,
  startOffset: number,
): StreamSource {
  const names = chain.plan.map(stepName);
  let waiting: Snapshot | undefined;
  let acknowledgedOffset = startOffset;
  let committing: Promise<void> = Promise.resolve();
  return {
    committedOnly: true,
    next: async (offset, limit) => {
      const data = await inner.next(offset, limit);
      // a store that is slower than the stream holds it up
      await committing;
      if (data === undefined) return undefined;
      waiting = { offset: data.nextFilterOffset, modules: session.snapshot(await chain.state(), names) };
      return data;
    },
    acknowledged: (offset) => {
      if (waiting === undefined && offset === acknowledgedOffset) return Promise.resolve();
      if (offset !== waiting?.offset) throw notTheReplys(session, offset, waiting?.offset ?? acknowledgedOffset);
      acknowledgedOffset = offset;
      committing = session.commit(offset, waiting.modules);
      // the next step of the stream fails by it too
      committing.catch(() => {});
      waiting = undefined;
      return committing;
    },
    close: () => inner.close(),
  };
}

function notTheReplys({ key }: StateSession, offset: number, expected: number): Error {
  const sentence = `Offset ${offset} was acknowledged, the state ${key.name} of ${key.topic}-${key.partition} is at ${expected}`;
  return flvError("FLV_AGGREGATE_STATE", sentence, {
    details: { ...key, offset, expected },
    hint: "with a state, acknowledge the offset that the reply names",
  });
}
