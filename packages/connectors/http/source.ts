import { setTimeout as sleep } from "node:timers/promises";
import { defineSource, field, type SourceContext } from "fluvio/connector";
import { z } from "zod";
import { type FetchedResponse, type HttpFetcher, httpFetcher } from "./fetcher.ts";
import { recordValue } from "./output.ts";

const config = z.object({
  endpoint: field.httpUrl({ doc: "URL that is requested" }),
  interval: field.duration({ doc: "time from one request to the next", default: "10s", minMs: 1 }),
  method: field.oneOf(["GET", "POST", "PUT", "HEAD", "DELETE"], { doc: "HTTP method", default: "GET" }),
  headers: field.pairs({ doc: "request headers, `Name: value`", aliases: ["header"] }),
  body: field.optionalText({ doc: "request body" }),
  "user-agent": field.text({ doc: "value of the User-Agent header", default: "fluvio/http-source 0.1.0" }),
  output_parts: field.oneOf(["body", "full"], {
    doc: "`full` puts status and headers into the record too",
    default: "body",
  }),
  output_type: field.oneOf(["text", "json"], { doc: "form of the record", default: "text" }),
  "connect-timeout": field.duration({ doc: "longest wait for a connection", default: "10s", minMs: 1 }),
  timeout: field.duration({ doc: "longest time for one request, answer included", default: "30s", minMs: 1 }),
  retries: field.integer({
    doc: "how often a request is repeated after a 5xx answer or a network error",
    default: "5",
    min: 0,
    max: 100,
  }),
  "retry-delay": field.duration({ doc: "first pause before a repetition; it doubles", default: "500ms", minMs: 1 }),
  "retry-delay-max": field.duration({ doc: "longest pause before a repetition", default: "30s", minMs: 1 }),
  "max-response-size": field.byteSize({ doc: "larger answers are refused", default: "1MB" }),
});
type HttpConfig = z.output<typeof config>;

/** Requests a URL at an interval and makes each answer a record. */
export const connector = defineSource({
  name: "http",
  version: "0.4.0",
  summary: "Requests a URL at an interval and makes each answer a record",
  config,
  removed: { output_format: "Use `output_type: text|json` and `output_parts: body|full`" },
  run: (context) => poll(context, httpFetcher(context.config)),
});

/** The first request at once, then one per interval; a tick that is missed because an answer is late is left out. */
async function poll(context: SourceContext<HttpConfig>, fetcher: HttpFetcher): Promise<void> {
  const { config, signal, logger } = context;
  try {
    let dueMs = performance.now();
    while (!signal.aborted) {
      const response = await fetchWithRetries(context, fetcher);
      if (response !== undefined) {
        if (response.statusCode >= 400) logger.warn({ status: response.statusCode }, "answer with an error status");
        await context.send({ value: recordValue(response, config.output_type, config.output_parts) });
        logger.debug({ status: response.statusCode, bytes: response.body.length }, "answer sent");
      }
      const now = performance.now();
      dueMs = Math.max(dueMs + config.interval, now);
      await sleep(dueMs - now, undefined, { signal });
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    await fetcher.close();
  }
}

/** `undefined`: no answer could be had this time; the log says why and the next tick tries again. */
async function fetchWithRetries(
  context: SourceContext<HttpConfig>,
  fetcher: HttpFetcher,
): Promise<FetchedResponse | undefined> {
  const { config, signal, logger } = context;
  for (let attempt = 0; ; attempt++) {
    let response: FetchedResponse | undefined;
    let problem: string;
    try {
      response = await fetcher.fetch(signal);
      if (response.statusCode < 500) return response;
      problem = `status ${response.statusCode}`;
    } catch (error) {
      if (signal.aborted) throw error;
      problem = reason(error);
    }
    if (attempt >= config.retries) {
      logger.error({ endpoint: shown(config.endpoint), attempts: attempt + 1, problem }, "request failed");
      return response;
    }
    const ceilingMs = Math.min(config["retry-delay-max"], config["retry-delay"] * 2 ** attempt);
    const delayMs = Math.round(ceilingMs * (0.5 + Math.random() / 2));
    logger.warn({ endpoint: shown(config.endpoint), problem, retryInMs: delayMs }, "request failed, trying again");
    await sleep(delayMs, undefined, { signal });
  }
}

/** The URL without what may be secret: user, password, query. */
function shown(url: URL): string {
  return `${url.origin}${url.pathname}`;
}

function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = "code" in error && typeof error.code === "string" ? `${error.code}: ` : "";
  return `${code}${error.message}${error.cause instanceof Error ? `: ${reason(error.cause)}` : ""}`;
}
