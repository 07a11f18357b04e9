import {
  type ConnectorRunsRequest,
  type ConnectorRunsResponseInput,
  flvError,
  NO_ERROR,
} from "../../protocol/index.ts";
import type { Clock } from "../clock.ts";
import { errorStatus } from "./refusal.ts";

/** A run that has not said for so long that it goes on is taken for ended. */
const SILENT_MS = 10_000;
/** As many are remembered; the one that was silent for the longest goes first. */
const RUNS_MAX = 10_000;
const NAME_CHARS_MAX = 2000;

interface Holder {
  readonly run: string;
  readonly heardMs: number;
}

/**
 * Which run of a sink has its place: the one that came last. In memory alone: after a restart of the controller the run
 * that speaks first has it, and any other learns that it has not.
 */
export class ConnectorRuns {
  readonly #clock: Pick<Clock, "nowMs">;
  /** In the order in which they were heard. */
  readonly #holders = new Map<string, Holder>();

  constructor({ clock }: { readonly clock: Pick<Clock, "nowMs"> }) {
    this.#clock = clock;
  }

  /** The answer to ConnectorRuns; never throws. */
  answer({ action, name, run }: ConnectorRunsRequest): ConnectorRunsResponseInput {
    if (name === "" || run === "" || name.length > NAME_CHARS_MAX || run.length > NAME_CHARS_MAX) {
      const error = flvError("FLV_ARGUMENT", `A name has 1 to ${NAME_CHARS_MAX} characters`);
      return { error: errorStatus("", error).errorCode, isOther: false };
    }
    const known = this.#holders.get(name);
    const isOther = known !== undefined && known.run !== run;
    if (action === "release") {
      if (!isOther) this.#holders.delete(name);
      return { error: NO_ERROR, isOther };
    }
    const nowMs = this.#clock.nowMs();
    if (action === "hold" && isOther) return { error: NO_ERROR, isOther };
    this.#put(name, { run, heardMs: nowMs });
    return { error: NO_ERROR, isOther: isOther && nowMs - known.heardMs < SILENT_MS };
  }

  #put(name: string, holder: Holder): void {
    this.#holders.delete(name);
    this.#holders.set(name, holder);
    const [oldest] = this.#holders.keys();
    if (this.#holders.size > RUNS_MAX && oldest !== undefined) this.#holders.delete(oldest);
  }
}
