import { randomUUID } from "node:crypto";
import type { FluvioClient } from "../../client/index.ts";
import { isFluvioError, type Logger } from "../../protocol/index.ts";
import type { ConnectorContext, Position } from "../define.ts";
import { keepTrying } from "./keep-trying.ts";
import { tryLater } from "./write-errors.ts";

/** A cluster that is away is asked again soon: the source works on meanwhile. */
const KEEP_DELAY_MAX_MS = 5000;

/** The position of one source, kept in the cluster under its name. */
export class KeptPosition {
  readonly #client: FluvioClient;
  readonly #name: string;
  readonly #logger: Logger;
  /** Names this run of the connector. */
  readonly #writer = randomUUID();
  #follows: string | undefined;
  #position: Position | undefined;
  /** Why this cluster keeps none. */
  #unsupported: string | undefined;
  #hasWarned = false;

  private constructor(client: FluvioClient, name: string, logger: Logger) {
    this.#client = client;
    this.#name = name;
    this.#logger = logger;
  }

  /** Reads what the last run kept; a cluster of the original keeps nothing. */
  static async open(client: FluvioClient, name: string, logger: Logger): Promise<KeptPosition> {
    const kept = new KeptPosition(client, name, logger);
    try {
      const found = await client.admin().connectorPosition(name);
      kept.#position = found?.position as Position | undefined;
      kept.#follows = found?.writer;
    } catch (error) {
      if (!isFluvioError(error) || error.code !== "FLV_UNSUPPORTED") throw error;
      kept.#unsupported = error.message;
    }
    return kept;
  }

  get position(): Position | undefined {
    return this.#position;
  }

  /**
   * Resolves when the position is durable; a cluster that is away is waited for.
   * @returns false when the signal aborted before
   * @throws FLV_CONNECTOR_POSITION when it is too large, was reset, or another connector of this name keeps one
   */
  async keep(
    position: Position,
    context: Pick<ConnectorContext<unknown>, "signal" | "logger" | "trouble">,
  ): Promise<boolean> {
    if (this.#unsupported !== undefined) {
      this.#warnOnce(this.#unsupported);
      return true;
    }
    const { signal } = context;
    const attempt = async (works: () => void) => {
      await this.#put(position, signal);
      works();
      return true;
    };
    return (await keepTrying(context, "keep the position", attempt, { maxDelayMs: KEEP_DELAY_MAX_MS })) ?? false;
  }

  async #put(position: Position, signal: AbortSignal): Promise<void> {
    const change = { name: this.#name, position, writer: this.#writer, follows: this.#follows };
    try {
      await this.#client.admin().keepConnectorPosition(change, { signal });
    } catch (error) {
      if (!isFluvioError(error) || error.code === "FLV_CONNECTOR_POSITION") throw error;
      throw tryLater(error.message, { cause: error });
    }
    this.#position = position;
    this.#follows = this.#writer;
  }

  #warnOnce(reason: string): void {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    this.#logger.warn({ reason }, "the position is not kept: a restart begins anew");
  }
}
