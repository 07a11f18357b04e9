import { z } from "zod";
import {
  type ConnectorDefinition,
  defineSink,
  defineSource,
  type SinkContext,
  type SourceContext,
} from "../../fluvio/src/connector/define.ts";

type NoOptions = Record<string, never>;
const about = (name: string) => ({ name, version: "0.0.0", summary: "of a test", config: z.object({}) });

/** A source that does what the test says. */
export function sourceOf(run: (context: SourceContext<NoOptions>) => Promise<void>): ConnectorDefinition {
  return defineSource({ ...about("scripted"), run });
}

/** A sink that does what the test says. */
export function sinkOf(run: (context: SinkContext<NoOptions>) => Promise<void>): ConnectorDefinition {
  return defineSink({ ...about("scripted"), run });
}

/** Resolves when the connector is told to stop. */
export function stopped(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/** What tests push and a source takes, in order. */
export class Feed<T> {
  readonly #items: T[] = [];
  #wake: () => void = () => {};

  push(...items: readonly T[]): void {
    this.#items.push(...items);
    this.#wake();
  }

  /** The next item; `undefined` when the connector is to stop. */
  async next(signal: AbortSignal): Promise<T | undefined> {
    while (this.#items.length === 0) {
      if (signal.aborted) return undefined;
      await Promise.race([stopped(signal), new Promise<void>((resolve) => (this.#wake = resolve))]);
    }
    return this.#items.shift();
  }
}
