import { setTimeout as sleep } from "node:timers/promises";
import { keepTrying, type SourceContext, tryLater } from "fluvio/connector";
import { headerText } from "../shared/http-client.ts";
import { reasonOf } from "../shared/reason.ts";
import { pauseAsked } from "../shared/retry-after.ts";
import { shownEndpoint } from "../shared/shown.ts";
import { tellSlow } from "../shared/slow.ts";
import { DelimitedReader } from "./delimited.ts";
import { EventStreamReader } from "./event-stream.ts";
import { type HttpFetcher, httpFetcher, type OpenedResponse } from "./fetcher.ts";
import type { HttpSourceConfig } from "./options.ts";
import { eventValue, recordValue } from "./output.ts";
import { decodePlace, encodePlace, requestDigest } from "./place.ts";

/** The answer that ends a stream for good (HTML standard, §9.2). */
const NO_CONTENT = 204;
const EVENT_STREAM = "text/event-stream";

/** What outlasts a connection. */
interface Streaming {
  readonly context: SourceContext<HttpSourceConfig>;
  readonly fetcher: HttpFetcher;
  readonly of: string;
  lastEventId: string;
  retryMs: number | undefined;
}

/** Reads one answer that does not end; when it does, or breaks off, asks again. */
export async function stream(context: SourceContext<HttpSourceConfig>): Promise<void> {
  const { config, signal } = context;
  const fetcher = await httpFetcher(config);
  const of = requestDigest([config.endpoint.href, config.method, config.body ?? ""]);
  const lastEventId = decodePlace(context.position, of)?.eventId ?? "";
  const streaming: Streaming = { context, fetcher, of, lastEventId, retryMs: undefined };
  const pauses = { initialDelayMs: config["retry-delay"], maxDelayMs: config["retry-delay-max"] };
  try {
    await keepTrying(
      context,
      `read ${shownEndpoint(config.endpoint)}`,
      async (works) => {
        while (await readOnce(streaming, works)) {
          await sleep(streaming.retryMs ?? config.interval, undefined, { signal });
        }
      },
      pauses,
    );
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    await fetcher.close();
  }
}

/** @returns whether the stream may be asked for again */
async function readOnce(streaming: Streaming, works: () => void): Promise<boolean> {
  const { context, fetcher, lastEventId } = streaming;
  const { config, signal, logger } = context;
  const opening = fetcher.open(
    {
      url: config.endpoint,
      idleTimeoutMs: config["idle-timeout"],
      ...(lastEventId === "" ? {} : { headers: [["last-event-id", lastEventId]] }),
    },
    signal,
  );
  const response = await tellSlow(context.trouble, shownEndpoint(config.endpoint), opening);
  if (response.statusCode === NO_CONTENT) {
    logger.info({ status: NO_CONTENT }, "the stream is over");
    return false;
  }
  if (response.statusCode < 200 || response.statusCode > 299) {
    await response.discard();
    throw tryLater(`status ${response.statusCode}`, pauseAsked(headerText(response.headers, "retry-after")));
  }
  works();
  logger.info({ endpoint: shownEndpoint(config.endpoint), status: response.statusCode }, "stream is open");
  const isEvents = headerText(response.headers, "content-type")?.toLowerCase().startsWith(EVENT_STREAM) === true;
  await (isEvents ? readEvents(streaming, response) : readDelimited(streaming, response));
  logger.info({}, "the stream ended; asking for it again");
  return true;
}

async function readDelimited({ context }: Streaming, response: OpenedResponse): Promise<void> {
  const { config } = context;
  const reader = new DelimitedReader(config.delimiter, config["max-response-size"]);
  const tellSkipped = skipTeller(context, () => reader.skipped);
  const send = async (records: Iterable<Uint8Array>) => {
    for (const body of records) {
      await context.send({ value: recordValue({ ...response, body }, config.output_type, config.output_parts) });
    }
    tellSkipped();
  };
  for await (const chunk of response.body) await send(reader.push(chunk as Buffer));
  await send(reader.end());
}

async function readEvents(streaming: Streaming, response: OpenedResponse): Promise<void> {
  const { context, of } = streaming;
  const { config } = context;
  const reader = new EventStreamReader(streaming.lastEventId, config["max-response-size"]);
  const tellSkipped = skipTeller(context, () => reader.skipped);
  try {
    for await (const chunk of response.body) {
      for (const event of reader.push(chunk as Uint8Array)) {
        await context.send({ value: eventValue(event, config.output_type, config.output_parts) });
        // Only what was handed over counts as seen, also when the connection breaks within a piece.
        streaming.lastEventId = event.id;
      }
      streaming.lastEventId = reader.lastEventId;
      streaming.retryMs = reader.retryMs ?? streaming.retryMs;
      if (streaming.lastEventId !== "") {
        context.checkpoint({ position: encodePlace({ eventId: streaming.lastEventId }, of) });
      }
      tellSkipped();
    }
  } catch (error) {
    if (streaming.retryMs === undefined || context.signal.aborted || !isBroken(error)) throw error;
    throw tryLater(reasonOf(error), { afterMs: streaming.retryMs });
  }
}

/** Whether the connection is to blame, and not the cluster. */
function isBroken(error: unknown): boolean {
  return error instanceof Error && "code" in error && !String(error.code).startsWith("FLV_");
}

function skipTeller({ logger, config }: SourceContext<HttpSourceConfig>, skipped: () => number): () => void {
  let told = 0;
  return () => {
    if (skipped() === told) return;
    const records = skipped() - told;
    told = skipped();
    const size = config["max-response-size"];
    logger.error(
      { records, "max-response-size": size },
      "records of the stream are larger than max-response-size; left out",
    );
  };
}
