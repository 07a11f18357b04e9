import { STATUS_CODES } from "node:http";
import type { StreamEvent } from "./event-stream.ts";
import type { FetchedResponse } from "./fetcher.ts";

/** What of an answer goes into a record. */
type Answered = Pick<FetchedResponse, "statusCode" | "headers" | "body">;

const HTTP_VERSION = "HTTP/1.1";

/**
 * A response as a record value: the body as it came, or with `full` the status line and headers before it; with `json`
 * an object whose `body` is the body as text.
 */
export function recordValue(response: Answered, type: "text" | "json", parts: "body" | "full"): Uint8Array | string {
  if (type === "json") return JSON.stringify(asJson(response, parts));
  return parts === "body" ? response.body : asText(response);
}

function reasonPhrase(response: Answered): string {
  return STATUS_CODES[response.statusCode] ?? "";
}

function asText(response: Answered): Uint8Array {
  const lines = [`${HTTP_VERSION} ${response.statusCode} ${reasonPhrase(response)}`.trimEnd()];
  for (const [name, value] of Object.entries(response.headers)) {
    for (const one of typeof value === "string" ? [value] : value) lines.push(`${name}: ${one}`);
  }
  return Buffer.concat([Buffer.from(`${lines.join("\n")}\n\n`), response.body]);
}

function asJson(response: Answered, parts: "body" | "full"): object {
  const body = new TextDecoder().decode(response.body);
  if (parts === "body") return { body };
  const status = { version: HTTP_VERSION, code: response.statusCode, string: reasonPhrase(response) };
  return { status, header: response.headers, body };
}

/** An event of a stream as a record value: its data, with `full` its id and name too. */
export function eventValue({ id, event, data }: StreamEvent, type: "text" | "json", parts: "body" | "full"): string {
  if (type === "json") return JSON.stringify(parts === "body" ? { body: data } : { id, event, data });
  if (parts === "body") return data;
  return `id: ${id}\nevent: ${event}\n${data
    .split("\n")
    .map((line) => `data: ${line}`)
    .join("\n")}`;
}
