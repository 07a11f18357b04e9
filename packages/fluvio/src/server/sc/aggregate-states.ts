import {
  AGGREGATE_STATE_TOPIC,
  AggregateModules,
  type AggregateStatesRequest,
  type AggregateStatesResponseInput,
  aggregateStatesApi,
  decode,
  flvError,
  NO_ERROR,
  partitionName,
} from "../../protocol/index.ts";
import type { AggregateStateEntry, AggregateStateRequest } from "../link.ts";
import { errorStatus } from "./refusal.ts";
import type { SpuLinks } from "./spu-links.ts";
import type { ScContext } from "./stores.ts";
import type { Topics } from "./topics.ts";

export interface AggregateStatesParts {
  readonly context: ScContext;
  readonly links: SpuLinks;
  readonly topics: Topics;
}

/** States of aggregates: passes requests about them to the SPU that keeps them, and makes their topic when it is needed. */
export class AggregateStates {
  readonly #parts: AggregateStatesParts;

  constructor(parts: AggregateStatesParts) {
    this.#parts = parts;
  }

  /** Has the SPU that keeps the states answer. @throws FLV_AGGREGATE_STATE | FLV_SERVER with the SPU's words */
  async ask(request: AggregateStateRequest): Promise<unknown> {
    const { context, links, topics } = this.#parts;
    if (this.#leader() === undefined) {
      // nothing was ever kept
      if (request.kind === "fetchAggregateState") return undefined;
      if (request.kind !== "commitAggregateState") return [];
    }
    // also of a topic that another request has just had made: its SPU may not have it open yet
    await topics.ensureStatesTopic();
    const leader = this.#leader();
    if (request.kind === "commitAggregateState") {
      const { topic } = request.commit;
      const found = context.stores.topics.get(topic);
      if (found === undefined || found.status.resolution === "deleting") {
        throw flvError("FLV_TOPIC_DELETED", `Topic deleted: ${topic}`, { details: { topic } });
      }
    }
    if (leader === undefined || !links.isOnline(leader)) {
      const sentence = `SPU ${leader ?? "?"}, which keeps the states of aggregates, is not online`;
      throw flvError("FLV_AGGREGATE_STATE", sentence, { retriable: true });
    }
    return links.ask(leader, request);
  }

  /** The answer to AggregateStates; never throws. */
  async answer({ action, name, topic, contents }: AggregateStatesRequest): Promise<AggregateStatesResponseInput> {
    try {
      if (action === "reset" && (name === undefined || name === "")) {
        throw flvError("FLV_ARGUMENT", "A reset needs the name of the state");
      }
      const asked: AggregateStateRequest =
        action === "list"
          ? { kind: "listAggregateStates", name, topic }
          : { kind: "resetAggregateStates", name: name as string, topic };
      const entries = (await this.ask(asked)) as readonly AggregateStateEntry[];
      return { error: NO_ERROR, states: entries.map((entry) => this.#shown(entry, contents)) };
    } catch (error) {
      return { error: errorStatus(name ?? "", error).errorCode, states: [] };
    }
  }

  #shown(entry: AggregateStateEntry, contents: boolean): AggregateStatesResponseInput["states"][number] {
    const { name, topic, partition, offset, modifiedTimeMs, modules } = entry;
    const status = this.#parts.context.stores.partitions.get(partitionName(topic, partition))?.status;
    return {
      name,
      topic,
      partition,
      offset,
      // what the SPU reports lags a little: a state has seen committed records only
      highWatermark: status?.resolution === "online" ? Math.max(status.leader.hw, offset) : undefined,
      sizeBytes: modules.length,
      modifiedTimeMs,
      modules: contents ? decode(AggregateModules, modules, aggregateStatesApi.maxVersion) : [],
    };
  }

  #leader(): number | undefined {
    return this.#parts.context.stores.partitions.get(partitionName(AGGREGATE_STATE_TOPIC, 0))?.spec.leader;
  }
}
