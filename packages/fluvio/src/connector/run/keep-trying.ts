import { isFluvioError } from "../../protocol/index.ts";
import type { ConnectorContext } from "../define.ts";
import { PAUSES_DEFAULT, type Pauses, pauseAfter } from "./pauses.ts";

/** Default pauses: 500 ms doubling to 30 s. */
export interface KeepTryingOptions extends Partial<Pauses> {
  /** Between 0 and 1, spreads attempts. Default `Math.random`. */
  readonly random?: () => number;
}

/** Errors that trying again does not help: configuration, `on_error: stop`, the cluster's own, which the caller must see. */
const isPassing = (error: unknown) => !isFluvioError(error) || error.code === "FLV_SINK_UNAVAILABLE";

/**
 * Runs `attempt` until it ends by itself or the connector is to stop; while the other system is away it is told by the
 * connector's state, and tried again with growing pauses.
 * @param what what is tried, for the log: "connect to db:5432"
 * @param attempt calls `works` once the connection stands: pauses begin anew, and the state tells of no trouble any more.
 * What it throws counts as passing unless it is an error of this product other than `tryLater`.
 * @throws what trying again does not help
 */
export async function keepTrying<T>(
  context: Pick<ConnectorContext<unknown>, "signal" | "logger" | "trouble">,
  what: string,
  attempt: (works: () => void) => Promise<T>,
  options: KeepTryingOptions = {},
): Promise<T | undefined> {
  const { signal, trouble } = context;
  const { random = Math.random } = options;
  const pauses = { ...PAUSES_DEFAULT, ...options };
  let failures = 0;
  const works = () => {
    failures = 0;
    trouble("");
  };
  while (!signal.aborted) {
    try {
      return await attempt(works);
    } catch (error) {
      if (signal.aborted) return undefined;
      if (!isPassing(error)) throw error;
      failures++;
      await pauseAfter({ what, attempt: failures, error, pauses, random }, context).catch(() => {
        // The stop ends the pause; the loop sees it.
      });
    }
  }
  return undefined;
}
