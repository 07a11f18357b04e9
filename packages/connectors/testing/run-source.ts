import type { ParameterValue, Position, SourceContext, SourceDefinition } from "fluvio/connector";
import type { ConfigSchema } from "../../fluvio/src/connector/define.ts";
import { checkOptions } from "../../fluvio/src/connector/options/check.ts";
import { late } from "./late.ts";

interface Line {
  readonly level: string;
  readonly details: object;
  readonly message: string;
}

/** A source that runs in this process without a cluster: what it hands over is kept here and counts as stored at once. */
export class SourceRun {
  readonly records: string[] = [];
  readonly lines: Line[] = [];
  readonly troubles: string[] = [];
  /** What it said waits. */
  readonly lags: number[] = [];
  /** The last position that was marked. */
  position: Position | undefined;
  readonly done: Promise<void>;
  readonly #stop = new AbortController();
  #heard: (() => void)[] = [];
  #ended = false;

  /** @param position what an earlier run kept */
  constructor(
    definition: SourceDefinition,
    parameters: Readonly<Record<string, ParameterValue>>,
    position?: Position,
    replaced: Partial<SourceContext<unknown>> = {},
  ) {
    const at = (level: string) => (details: object, message: string) => {
      this.lines.push({ level, details, message });
      this.#wake();
    };
    const logger = { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error"), child: () => logger };
    this.position = position;
    const context: SourceContext<unknown> = {
      config: optionsOf(definition, parameters),
      name: "c",
      topic: "t",
      logger,
      signal: this.#stop.signal,
      position,
      send: async ({ value }) => {
        this.records.push(typeof value === "string" ? value : Buffer.from(value).toString());
        this.#wake();
      },
      flush: async () => {},
      lag: (waiting) => {
        this.lags.push(waiting);
        this.#wake();
      },
      checkpoint: (place) => {
        this.position = place.position ?? this.position;
        void place.stored?.();
        this.#wake();
      },
      trouble: (reason) => {
        if (reason !== (this.troubles.at(-1) ?? "")) this.troubles.push(reason);
        this.#wake();
      },
      ...replaced,
    };
    this.done = definition.run(context as never).finally(() => {
      this.#ended = true;
      this.#wake();
    });
    this.done.catch(() => {});
  }

  #wake(): void {
    for (const wake of this.#heard.splice(0)) wake();
  }

  /** Looked at after everything that the source does. */
  async until(holds: () => boolean): Promise<void> {
    const tooLate = late(() => `only ${JSON.stringify([this.records.slice(-20), this.lines.slice(-20)])}`);
    while (!holds()) {
      if (this.#ended) {
        await this.done;
        throw new Error(`it ended: ${JSON.stringify([this.records, this.lines])}`);
      }
      await Promise.race([tooLate, new Promise<void>((resolve) => this.#heard.push(resolve))]);
    }
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.done;
  }
}

/** Options as a connector's file would give them. */
export function optionsOf(
  definition: { readonly direction: "source" | "sink"; readonly config: ConfigSchema },
  parameters: Readonly<Record<string, ParameterValue>>,
): object {
  const file = { name: "c", type: "t", topic: "t", version: "latest", parameters, secrets: {}, transforms: [] };
  return checkOptions(definition, file, "connect.yml");
}
