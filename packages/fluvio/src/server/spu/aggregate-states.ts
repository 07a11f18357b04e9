import { flvError, isFluvioError } from "../../protocol/index.ts";
import type { ChainState } from "../../smartengine/index.ts";
import type { AggregateStateCommit, AggregateStateEntry, AggregateStateKey, AggregateStateRequest } from "../link.ts";
import { AGGREGATE_STATE_RECORDS, chainStateOf, encodeModules } from "./aggregate-state-record.ts";
import type { AggregateStateStore } from "./aggregate-state-store.ts";
import type { ScClient } from "./sc-client.ts";
import type { SystemTopic } from "./system-topic.ts";

/** States of aggregates as any SPU sees them: kept here when it leads their partition, else asked for through the SC. */
export class AggregateStates {
  private readonly topic: SystemTopic<AggregateStateStore>;
  private readonly sc: ScClient;
  private readonly sizeBytesMax: number;
  /** States that streams of this SPU, the leader of their partitions, are working on. */
  private readonly sessions = new Map<string, StateSession>();

  /** @param sizeBytesMax largest state of one chain */
  constructor(topic: SystemTopic<AggregateStateStore>, sc: ScClient, sizeBytesMax: number) {
    this.topic = topic;
    this.sc = sc;
    this.sizeBytesMax = sizeBytesMax;
  }

  /**
   * Takes a state for one stream; nobody else gets it until the session is closed.
   * @throws FLV_AGGREGATE_STATE when another stream has it | FLV_NOT_LEADER when the SC is gone | what the store or the link throws
   */
  async open(key: AggregateStateKey): Promise<StateSession> {
    const text = AGGREGATE_STATE_RECORDS.keyText(key);
    // one that is ending has only to finish its last commit
    for (;;) {
      const other = this.sessions.get(text);
      if (other === undefined) break;
      if (!other.isClosing) throw inUse(key);
      await other.close();
    }
    const session = new StateSession(key, {
      sizeBytesMax: this.sizeBytesMax,
      commit: (commit) => this.commit(commit),
      closed: () => this.sessions.delete(text),
    });
    this.sessions.set(text, session);
    try {
      session.begin(await this.stored(key));
      return session;
    } catch (error) {
      await session.close();
      throw error;
    }
  }

  /** The SC asks, for itself or for another SPU. @throws FLV_NOT_LEADER | what the store throws */
  async answer(request: AggregateStateRequest): Promise<unknown> {
    const store = this.topic.leader();
    switch (request.kind) {
      case "fetchAggregateState":
        return store.get(request.key);
      case "commitAggregateState":
        return store.commit(request.commit);
      case "listAggregateStates":
        return store.list(request);
      case "resetAggregateStates":
        return store.reset(request);
    }
  }

  private async stored(key: AggregateStateKey): Promise<AggregateStateEntry | undefined> {
    const { local } = this.topic;
    if (local !== undefined) return local.get(key);
    return (await this.ask({ kind: "fetchAggregateState", key })) as AggregateStateEntry | undefined;
  }

  private async commit(commit: AggregateStateCommit): Promise<void> {
    const { local } = this.topic;
    if (local !== undefined) await local.commit(commit);
    else await this.ask({ kind: "commitAggregateState", commit });
  }

  /** Without the SC a stream cannot go on here; its client is told to look for the leader again, and goes on there. */
  private async ask(request: Parameters<ScClient["request"]>[0]): Promise<unknown> {
    try {
      return await this.sc.request(request);
    } catch (cause) {
      if (!isFluvioError(cause) || (cause.code !== "FLV_CONNECTION_CLOSED" && cause.code !== "FLV_TIMEOUT"))
        throw cause;
      throw flvError("FLV_NOT_LEADER", `states of aggregates cannot be reached: ${cause.message}`, {
        retriable: true,
        cause,
      });
    }
  }
}

interface SessionParts {
  readonly sizeBytesMax: number;
  commit(commit: AggregateStateCommit): Promise<void>;
  closed(): void;
}

/** What a stream goes on with. */
export interface StoredState {
  /** Offset of the first record that is not in it. */
  readonly offset: number;
  readonly chain: ChainState;
}

/** A state while one stream works on it. */
export class StateSession {
  readonly key: AggregateStateKey;
  /** What was stored when the session began. */
  stored: StoredState | undefined;
  private readonly parts: SessionParts;
  private offset: number | undefined;
  /** Commits follow one another. */
  private last: Promise<void> = Promise.resolve();
  private closing: Promise<void> | undefined;

  constructor(key: AggregateStateKey, parts: SessionParts) {
    this.key = key;
    this.parts = parts;
  }

  begin(entry: AggregateStateEntry | undefined): void {
    this.offset = entry?.offset;
    this.stored = entry && { offset: entry.offset, chain: chainStateOf(entry.modules) };
  }

  get isClosing(): boolean {
    return this.closing !== undefined;
  }

  /** What is to be committed later. `names` of the chain's modules. @throws FLV_AGGREGATE_STATE when it is too large */
  snapshot(state: ChainState, names: readonly string[]): Uint8Array {
    const modules = encodeModules(state, names);
    const { sizeBytesMax } = this.parts;
    if (modules.length <= sizeBytesMax) return modules;
    const { name, topic, partition } = this.key;
    const sentence = `The state ${name} of ${topic}-${partition} has ${modules.length} bytes, ${sizeBytesMax} are allowed`;
    throw flvError("FLV_AGGREGATE_STATE", sentence, {
      details: { name, topic, partition, sizeBytes: modules.length, sizeBytesMax },
      hint: "keep less in the accumulator, or less in open windows: a larger slide, a shorter grace period",
    });
  }

  /**
   * Resolves when the state that {@link snapshot} made and its offset are durable, both or neither.
   * @throws FLV_AGGREGATE_STATE when the state was reset meanwhile | what the store or the link throws
   */
  commit(offset: number, modules: Uint8Array): Promise<void> {
    const committed = this.last.then(async () => {
      await this.parts.commit({ ...this.key, offset, modules, previousOffset: this.offset });
      this.offset = offset;
    });
    this.last = committed;
    // whoever asked for it hears of a failure, and so does the next commit
    committed.catch(() => {});
    return committed;
  }

  /** Gives the state free when the commits under way have ended. */
  close(): Promise<void> {
    this.closing ??= this.last.catch(() => {}).then(() => this.parts.closed());
    return this.closing;
  }
}

function inUse({ name, topic, partition }: AggregateStateKey): Error {
  return flvError("FLV_AGGREGATE_STATE", `The state ${name} of ${topic}-${partition} is in use by another consumer`, {
    details: { name, topic, partition },
    hint: "end that consumer, or use another state name: two would count each other's records",
  });
}
