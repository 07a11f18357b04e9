import {
  CONNECTOR_POSITION_BYTES_MAX,
  type ConnectorPositionsRequest,
  type ConnectorPositionsResponseInput,
  flvError,
  type KeptConnectorPosition,
  NO_ERROR,
} from "../../protocol/index.ts";
import { KeyedMutex } from "./keyed-mutex.ts";
import type { MetadataChange } from "./metadata-store.ts";
import { objectNameProblem } from "./names.ts";
import { errorStatus } from "./refusal.ts";
import type { ScContext } from "./stores.ts";

/** All positions together: they are kept in memory as well. */
const POSITIONS_BYTES_MAX = 64 * 1024 * 1024;

/**
 * Where source connectors go on, by their names. A position is written by the run that wrote the one before, or by one
 * that has read it: a run that was replaced, and lives on unnoticed, cannot put the connector back.
 */
export class ConnectorPositions {
  readonly #context: ScContext;
  readonly #kept = new Map<string, KeptConnectorPosition>();
  readonly #mutex = new KeyedMutex();
  /** Names of connectors that are being deleted. */
  readonly #leaving = new Set<string>();
  #sizeBytes = 0;

  constructor(context: ScContext) {
    this.#context = context;
    for (const kept of context.metadata.connectorPositions()) this.#put(kept);
  }

  /** The answer to ConnectorPositions; never throws. */
  async answer(request: ConnectorPositionsRequest): Promise<ConnectorPositionsResponseInput> {
    const { action, name } = request;
    try {
      if (action === "list") return { error: NO_ERROR, superseded: false, positions: this.#list(name) };
      if (name === undefined) throw flvError("FLV_ARGUMENT", "The name of the connector is missing");
      return await this.#mutex.run(name, () => (action === "keep" ? this.#keep(name, request) : this.#reset(name)));
    } catch (error) {
      return { error: errorStatus(name ?? "", error).errorCode, superseded: false, positions: [] };
    }
  }

  /**
   * Keeps nothing for this connector while `work` runs, and drops what is kept: `work` commits that together with what it
   * does itself.
   */
  async dropWith(name: string, work: (change: MetadataChange) => Promise<void>): Promise<void> {
    this.#leaving.add(name);
    try {
      // what is being written is waited for
      await this.#mutex.run(name, async () => {});
      await work({ type: "deleteConnectorPosition", name });
      this.#remove(name);
    } finally {
      this.#leaving.delete(name);
    }
  }

  #list(name: string | undefined): readonly KeptConnectorPosition[] {
    const found = name === undefined ? [...this.#kept.values()] : [this.#kept.get(name) ?? []].flat();
    return found.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  async #keep(name: string, request: ConnectorPositionsRequest): Promise<ConnectorPositionsResponseInput> {
    const { writer, follows, position } = request;
    const current = this.#kept.get(name);
    // a writer that repeats a request, because it missed the answer, follows itself
    const isNext = current?.writer === follows || current?.writer === writer;
    if (!isNext || this.#leaving.has(name)) return { error: NO_ERROR, superseded: true, positions: [] };
    this.#check(name, position.length - (current?.position.length ?? 0), position.length);
    const modifiedTimeMs = this.#context.clock.nowMs();
    const kept = { name, position: position.slice(), writer, modifiedTimeMs };
    await this.#context.metadata.commit([{ type: "putConnectorPosition", kept }]);
    this.#put(kept);
    return { error: NO_ERROR, superseded: false, positions: [] };
  }

  async #reset(name: string): Promise<ConnectorPositionsResponseInput> {
    const positions = this.#list(name);
    if (positions.length > 0) {
      await this.#context.metadata.commit([{ type: "deleteConnectorPosition", name }]);
      this.#remove(name);
    }
    return { error: NO_ERROR, superseded: false, positions };
  }

  #check(name: string, grownBytes: number, sizeBytes: number): void {
    const refuse = (sentence: string) => flvError("FLV_CONNECTOR_POSITION", sentence);
    const problem = objectNameProblem("connector", name);
    if (problem !== undefined) throw refuse(problem);
    if (sizeBytes > CONNECTOR_POSITION_BYTES_MAX) {
      throw refuse(`The position of ${name} has ${sizeBytes} bytes, ${CONNECTOR_POSITION_BYTES_MAX} are allowed`);
    }
    if (grownBytes > 0 && this.#sizeBytes + grownBytes > POSITIONS_BYTES_MAX) {
      throw refuse(`The positions of all connectors would take more than ${POSITIONS_BYTES_MAX} bytes`);
    }
  }

  #put(kept: KeptConnectorPosition): void {
    this.#remove(kept.name);
    this.#kept.set(kept.name, kept);
    this.#sizeBytes += kept.position.length;
  }

  #remove(name: string): void {
    this.#sizeBytes -= this.#kept.get(name)?.position.length ?? 0;
    this.#kept.delete(name);
  }
}
