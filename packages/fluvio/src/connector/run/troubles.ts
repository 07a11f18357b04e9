import type { RetryWatch } from "../../client/index.ts";
import { errorText } from "./line-logger.ts";

/** What is in the way of a connector, from several sides; of those that have something to say the first counts. */
export class Troubles {
  readonly #tell: (reason: string) => void;
  readonly #reasons: string[] = [];
  #told = "";

  /** @param tell told of each change; an empty text means that nothing is in the way any more */
  constructor(tell: (reason: string) => void) {
    this.#tell = tell;
  }

  /** Another side that can be in trouble, less important than those before. */
  side(): (reason: string) => void {
    const index = this.#reasons.push("") - 1;
    return (reason) => {
      this.#reasons[index] = reason;
      const first = this.#reasons.find((one) => one !== "") ?? "";
      if (first === this.#told) return;
      this.#told = first;
      this.#tell(first);
    };
  }
}

/** Tells of the cluster's absence, for a client whose every partition tries again by itself. */
export function clusterWatch(trouble: (reason: string) => void): RetryWatch {
  const failing = new Map<object, string>();
  const tell = () => {
    const [reason] = failing.values();
    trouble(reason === undefined ? "" : `cannot reach the cluster, trying again: ${reason}`);
  };
  return {
    failed: (who, error) => {
      failing.set(who, errorText(error));
      tell();
    },
    settled: (who) => {
      failing.delete(who);
      tell();
    },
  };
}
