import type { IncomingHttpHeaders } from "node:http";

/** A request as records are made of it. */
export interface Received {
  /** Behind the connector's own path, with a slash before it; empty when there is nothing. */
  readonly path: string;
  /** Without the question mark. */
  readonly query: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Uint8Array;
}

export interface OutputOptions {
  readonly outputType: "text" | "json";
  readonly outputParts: "body" | "full";
  readonly outputUri: "none" | "full" | "path" | "query";
}

/** Of the sender to us alone. */
const SECRET_HEADERS = ["authorization", "cookie", "proxy-authorization"];

/**
 * A request as a record value: the body as it came; with `full` the headers before it; with `outputUri` path or query
 * before that. With `json` an object of these.
 */
export function receivedValue(request: Received, options: OutputOptions): Uint8Array | string {
  const { outputType, outputParts, outputUri } = options;
  const headers = outputParts === "full" ? shownHeaders(request.headers) : undefined;
  const path = outputUri === "full" || outputUri === "path" ? request.path : undefined;
  const query = outputUri === "full" || outputUri === "query" ? request.query : undefined;
  if (outputType === "json") {
    return JSON.stringify({ body: new TextDecoder().decode(request.body), headers, path, query });
  }
  const lines: string[] = [];
  if (path !== undefined || query !== undefined) {
    lines.push(`${path ?? ""}${query === undefined || query === "" ? "" : `?${query}`}`);
  }
  for (const [name, value] of Object.entries(headers ?? {})) {
    for (const one of typeof value === "string" ? [value] : value) lines.push(`${name}: ${one}`);
  }
  if (lines.length === 0) return request.body;
  return Buffer.concat([Buffer.from(`${lines.join("\n")}\n\n`), request.body]);
}

function shownHeaders(headers: IncomingHttpHeaders): Readonly<Record<string, string | readonly string[]>> {
  const shown = Object.entries(headers).filter(
    (pair): pair is [string, string | string[]] => pair[1] !== undefined && !SECRET_HEADERS.includes(pair[0]),
  );
  return Object.fromEntries(shown);
}
