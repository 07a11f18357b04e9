import type { FluvioClient } from "../../client/index.ts";
import { flvError, type Logger } from "../../protocol/index.ts";
import type { ErrorOptions } from "../options/error-options.ts";
import type { RunCounters } from "./counters.ts";
import { type DeadLetter, DeadLetters } from "./dead-letters.ts";

export interface RefusedRecordsParts {
  readonly client: FluvioClient;
  readonly connector: string;
  readonly logger: Logger;
  readonly counters: RunCounters;
}

/** Does with records that cannot be delivered what `on_error` says, unless that is `retry`. */
export class RefusedRecords implements AsyncDisposable {
  readonly #parts: RefusedRecordsParts;
  readonly #onError: ErrorOptions["onError"];
  readonly #deadLetters: DeadLetters;

  constructor(parts: RefusedRecordsParts, { onError, deadLetterTopic }: ErrorOptions) {
    this.#parts = parts;
    this.#onError = onError;
    this.#deadLetters = new DeadLetters(parts.client, parts.connector, deadLetterTopic, parts.logger);
  }

  /**
   * Resolves when the record is dealt with.
   * @throws FLV_CONNECTOR_STOPPED with the record, for `stop` | what keeps the dead letter from being stored
   */
  async handle(letter: DeadLetter): Promise<void> {
    const { logger, counters } = this.#parts;
    counters.refused++;
    if (this.#onError === "stop") {
      throw stoppedAt({ ...letter, reason: `and \`on-error\` is \`stop\`: ${letter.reason}` }, STOPPED_HINT);
    }
    if (this.#onError === "dead-letter") {
      await this.#deadLetters.add(letter);
      counters.deadLettered++;
    } else logger.error(placeOf(letter), `record skipped: it cannot be ${verb(letter)}`);
    counters.recordErrors++;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#deadLetters[Symbol.asyncDispose]();
  }
}

const STOPPED_HINT =
  "put the record or the other system right and start the connector again with `fluvio connector update`, or choose another `on-error`";

/** The error that ends a connector for good at a record. */
export function stoppedAt(letter: DeadLetter, hint: string): Error {
  const { topic, partition, offset, key, value, reason } = letter;
  const which = offset === undefined ? `A record for ${topic}` : `Record ${offset} of ${topic}-${partition}`;
  const details = { topic, partition, offset, key, value };
  return flvError("FLV_CONNECTOR_STOPPED", `${which} cannot be ${verb(letter)}, ${reason}`, { details, hint });
}

/** A sink writes what it has read, a source sends what it has got. */
function verb({ offset }: DeadLetter): string {
  return offset === undefined ? "sent" : "written";
}

function placeOf({ topic, partition, offset, key, value, stage, reason }: DeadLetter): object {
  return { topic, ...(offset === undefined ? {} : { partition, offset }), key, value, stage, reason };
}
