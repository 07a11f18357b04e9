import { createHash } from "node:crypto";
import type { SourceContext } from "fluvio/connector";
import { headerText } from "../shared/http-client.ts";
import { reasonOf } from "../shared/reason.ts";
import { retryAfterMs } from "../shared/retry-after.ts";
import { shownEndpoint } from "../shared/shown.ts";
import { tellSlow } from "../shared/slow.ts";
import { waitUntil } from "../shared/wait-until.ts";
import { type FetchedResponse, type Header, type HttpFetcher, httpFetcher } from "./fetcher.ts";
import type { HttpSourceConfig } from "./options.ts";
import { recordValue } from "./output.ts";
import { nextPage, pageUrl, splitRecords } from "./pages.ts";
import { decodePlace, encodePlace, type Place, requestDigest } from "./place.ts";

const NOT_MODIFIED = 304;
const TOO_MANY_REQUESTS = 429;
/** What an error status says of the page that was asked for, rather than of the moment or of who asks. */
const PAGE_GONE = [400, 404, 410, 422];

/** What one source works with. */
interface Polling {
  readonly context: SourceContext<HttpSourceConfig>;
  readonly fetcher: HttpFetcher;
  /** Which requests a kept place belongs to. */
  readonly of: string;
}

/**
 * One request per interval, the first at once unless an earlier run made one less than an interval ago; a tick that is
 * missed because an answer is late is left out.
 */
export async function poll(context: SourceContext<HttpSourceConfig>): Promise<void> {
  const { config, signal } = context;
  const fetcher = await httpFetcher(config);
  const of = requestDigest([config.endpoint.href, config.method, config.body ?? ""]);
  const polling: Polling = { context, fetcher, of };
  let place = decodePlace(context.position, of) ?? {};
  try {
    let dueMs = performance.now() + pauseAfterRestart(place, config.interval);
    while (!signal.aborted) {
      await waitUntil(dueMs, signal);
      place = await tick(polling, place);
      dueMs = Math.max(dueMs + config.interval, performance.now());
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    await fetcher.close();
  }
}

function pauseAfterRestart({ askedAt, next }: Place, intervalMs: number): number {
  if (askedAt === undefined || next !== undefined) return 0;
  // A clock that was set back is no reason to wait longer than the interval.
  return Math.min(Math.max(askedAt + intervalMs - Date.now(), 0), intervalMs);
}

/** One request, and those for its further pages. @returns where the next tick begins */
async function tick(polling: Polling, before: Place): Promise<Place> {
  const { config, logger, trouble } = polling.context;
  const { pagination } = config;
  const askedAt = Date.now();
  let place: Place = { ...before, next: before.next ?? before.cursor };
  for (let pages = 0; ; pages++) {
    if (pages > 0 && pages >= (pagination?.["pages-max"] ?? 1)) {
      logger.warn({ pages }, "more pages than pages-max; the rest follows after the interval");
      return place;
    }
    const response = await fetchPage(polling, place);
    if (response === undefined) return place;
    if (response.statusCode >= 400) {
      logger.warn({ status: response.statusCode }, "answer with an error status");
      trouble(`${shownEndpoint(config.endpoint)} answered ${response.statusCode}`);
    }
    try {
      place = { ...(await taken(polling, response, place)), askedAt };
    } catch (error) {
      if (!(error instanceof UnusableAnswer)) throw error;
      logger.error({ status: response.statusCode, problem: error.message }, "the answer makes no record");
      trouble(`${shownEndpoint(config.endpoint)}: ${error.message}`);
      return isPageGone(polling, response, place) ? { ...place, next: undefined } : place;
    }
    polling.context.checkpoint({ position: encodePlace(place, polling.of) });
    if (place.next === undefined) return place;
  }
}

/** A cursor that the system does not know any more is given up: the next tick begins at the first page. */
function isPageGone({ context }: Polling, { statusCode }: FetchedResponse, { next }: Place): boolean {
  if (next === undefined || context.config.pagination?.start === "last" || !PAGE_GONE.includes(statusCode))
    return false;
  context.logger.warn({ status: statusCode }, "the page is gone; beginning at the first page after the interval");
  return true;
}

/** The answer cannot be made into records: it is not what the options say. */
class UnusableAnswer extends Error {}

/** Sends what the answer holds. @returns the place behind it @throws {@link UnusableAnswer} */
async function taken({ context }: Polling, response: FetchedResponse, place: Place): Promise<Place> {
  const { config, logger } = context;
  const { pagination, records } = config;
  if (response.statusCode === NOT_MODIFIED) return place;
  const isPlain = pagination === undefined && records === undefined;
  if (response.statusCode >= 400 && !isPlain) throw new UnusableAnswer(`status ${response.statusCode}`);
  let validators: Place = {};
  if (config["only-changes"] && response.statusCode < 400) {
    const digest = createHash("sha256").update(response.body).digest("base64");
    if (digest === place.digest) return place;
    const etag = headerText(response.headers, "etag");
    validators = { digest, etag, lastModified: headerText(response.headers, "last-modified") };
  }
  let next: string | undefined;
  let values: readonly (Uint8Array | string)[];
  try {
    values = records === undefined ? [response.body] : splitRecords(response, records);
    next = pagination === undefined ? undefined : nextPage(response, pagination, config.endpoint);
  } catch (error) {
    throw new UnusableAnswer(reasonOf(error));
  }
  for (const value of values) {
    const body = typeof value === "string" ? Buffer.from(value) : value;
    await context.send({ value: recordValue({ ...response, body }, config.output_type, config.output_parts) });
  }
  logger.debug({ status: response.statusCode, bytes: response.body.length, records: values.length }, "answer sent");
  // The page that was just asked for, named again: there is nothing behind it yet.
  const isLast = next === undefined || next === place.next;
  const cursor = pagination?.start === "last" ? { cursor: next ?? place.next } : {};
  return { ...validators, ...cursor, next: isLast ? undefined : next };
}

/** `undefined`: no answer could be had this time; the log says why and the next tick tries again. */
async function fetchPage({ context, fetcher }: Polling, place: Place): Promise<FetchedResponse | undefined> {
  const { config, signal, logger, trouble } = context;
  const url = pageUrl(config.endpoint, config.pagination, place.next);
  const endpoint = shownEndpoint(config.endpoint);
  for (let attempt = 0; ; attempt++) {
    let response: FetchedResponse | undefined;
    let problem: string;
    let askedMs = 0;
    try {
      const answer = fetcher.fetch({ url, headers: conditions(config, place) }, signal);
      response = await tellSlow(trouble, endpoint, answer);
      if (response.statusCode < 500 && response.statusCode !== TOO_MANY_REQUESTS) {
        trouble("");
        return response;
      }
      problem = `status ${response.statusCode}`;
      askedMs = retryAfterMs(headerText(response.headers, "retry-after"), Date.now());
    } catch (error) {
      if (signal.aborted) throw error;
      problem = reasonOf(error);
    }
    trouble(`cannot request ${endpoint}, trying again: ${problem}`);
    if (attempt >= config.retries) {
      logger.error({ endpoint, attempts: attempt + 1, problem }, "request failed");
      return response;
    }
    const ceilingMs = Math.min(config["retry-delay-max"], config["retry-delay"] * 2 ** attempt);
    const delayMs = Math.round(Math.max(ceilingMs * (0.5 + Math.random() / 2), askedMs));
    logger.warn({ endpoint, problem, retryInMs: delayMs }, "request failed, trying again");
    await waitUntil(performance.now() + delayMs, signal);
  }
}

/** Asks for what changed since the last answer only. */
function conditions(config: HttpSourceConfig, { etag, lastModified }: Place): readonly Header[] {
  if (!config["only-changes"]) return [];
  if (etag !== undefined) return [["if-none-match", etag]];
  return lastModified === undefined ? [] : [["if-modified-since", lastModified]];
}
