import { randomUUID } from "node:crypto";
import type { FluvioClient } from "../../client/index.ts";
import { flvError, isFluvioError, type Logger } from "../../protocol/index.ts";
import type { SinkOptions } from "../options/sink-options.ts";

/** How often a run says that it goes on, and learns that another one has come. */
const HOLD_INTERVAL_MS = 1000;
/** A cluster that does not answer tells nothing. */
const HOLD_TIMEOUT_MS = 2000;

export interface SinkClaimOptions {
  readonly client: FluvioClient;
  readonly connector: string;
  readonly topic: string;
  readonly options: Pick<SinkOptions, "consumerId" | "partitions">;
  readonly logger: Logger;
}

/** As the cluster knows it. */
interface Run {
  readonly name: string;
  readonly run: string;
}

/**
 * The place of a sink under its consumer id: two runs that read for one id would store positions past each other. The run
 * that was started last has it; the one before ends.
 */
export class SinkClaim implements AsyncDisposable {
  readonly #claim: SinkClaimOptions;
  readonly #run: Run;
  readonly #lost = new AbortController();
  #timer: ReturnType<typeof setInterval> | undefined;
  #asking: Promise<void> | undefined;

  private constructor(claim: SinkClaimOptions, run: Run) {
    this.#claim = claim;
    this.#run = run;
  }

  /** Takes the place. A cluster of the original has none: `undefined`. */
  static async open(claim: SinkClaimOptions): Promise<SinkClaim | undefined> {
    const { client, topic, options, logger, connector } = claim;
    // Partitions may be shared between connectors of one id.
    const name = JSON.stringify([options.consumerId, topic, options.partitions ?? "all"]);
    const run = { name, run: randomUUID() };
    try {
      if (await client.admin().claimConnectorRun(run)) {
        const details = { connector, consumer_id: options.consumerId, topic };
        logger.warn(details, "this run takes the place of another one of this sink: that ends, if it was not killed");
      }
    } catch (error) {
      if (!isFluvioError(error) || error.code !== "FLV_UNSUPPORTED") throw error;
      return undefined;
    }
    const opened = new SinkClaim(claim, run);
    opened.#timer = setInterval(() => void opened.#ask(), HOLD_INTERVAL_MS).unref();
    return opened;
  }

  /** Aborted when another run has come; the reason is what to end with. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** Whether this run has its place still, as of just now; a cluster that cannot say does not take it away. */
  async isHeld(): Promise<boolean> {
    // one that is under way may have been answered before another run came
    await this.#asking;
    if (!this.#lost.signal.aborted) await this.#ask();
    return !this.#lost.signal.aborted;
  }

  #ask(): Promise<void> {
    this.#asking ??= this.#hold().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  async #hold(): Promise<void> {
    const { client, connector, topic, options } = this.#claim;
    const signal = AbortSignal.timeout(HOLD_TIMEOUT_MS);
    const isHeld = await client
      .admin()
      .holdConnectorRun(this.#run, { signal })
      .catch(() => true);
    if (isHeld || this.#lost.signal.aborted) return;
    clearInterval(this.#timer);
    const sentence = `Another run of the sink ${connector} was started and has taken its place`;
    this.#lost.abort(
      flvError("FLV_CONNECTOR_POSITION", sentence, {
        details: { connector, topic, consumerId: options.consumerId },
        hint: "run one sink of a name at a time; for a second one of the topic choose another name, or another `consumer.id`",
      }),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await this.#asking;
    if (this.#lost.signal.aborted) return;
    const signal = AbortSignal.timeout(HOLD_TIMEOUT_MS);
    await this.#claim.client
      .admin()
      .releaseConnectorRun(this.#run, { signal })
      .catch(() => {
        // A run that says nothing is taken for ended after a while.
      });
  }
}
