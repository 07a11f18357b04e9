import type { ConnectorContext } from "fluvio/connector";
import type { TopicPartition } from "./places.ts";

/** Says once in the log that records had headers which are not kept. */
export class LostHeaders {
  readonly #context: Pick<ConnectorContext<unknown>, "logger">;
  #isTold = false;

  constructor(context: Pick<ConnectorContext<unknown>, "logger">) {
    this.#context = context;
  }

  /** @param headers of the record at this place, names first */
  tell(at: TopicPartition, offset: bigint, headers: readonly (readonly [Uint8Array | null, unknown])[]): void {
    if (this.#isTold) return;
    this.#isTold = true;
    const names = headers.map(([name]) => Buffer.from(name ?? []).toString());
    this.#context.logger.warn(
      { ...at, offset: Number(offset), headers: [...new Set(names)] },
      "headers of records are dropped, from this one on: `headers: envelope` keeps them",
    );
  }
}
