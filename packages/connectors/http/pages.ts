import { field } from "fluvio/connector";
import type { z } from "zod";
import { headerText } from "../shared/http-client.ts";
import { isJson, type JsonPath, jsonAt, jsonElements, parseJsonPath, plainText } from "../shared/json-text.ts";
import type { FetchedResponse } from "./fetcher.ts";

const PATH = "a path into JSON such as $.data.items";

/** An option that is a path into a JSON answer. */
export function jsonPath(options: field.FieldText): z.ZodType<JsonPath | undefined> {
  return field.optionalParsed(PATH, parseJsonPath, { ...options, kind: "JSON path" });
}

const named = field.map(
  {
    by: field.oneOf(["link", "cursor"], {
      doc: "`link`: the `Link` header with `rel=next` names the next page; `cursor`: a value of the answer does",
      default: "link",
    }),
    cursor: jsonPath({
      doc: "where in the answer the cursor of the next page is; nothing there: it was the last page",
    }),
    parameter: field.text({ doc: "query parameter that takes the cursor", default: "cursor" }),
    start: field.oneOf(["beginning", "last"], {
      doc: "where a request after the interval begins: at the first page, or at the `last` cursor that was given",
      default: "beginning",
    }),
    "pages-max": field.integer({
      doc: "pages after which the rest waits for the next interval",
      default: "1000",
      min: 1,
      max: 1_000_000,
    }),
  },
  { doc: "asks for all pages of an answer, one after the other; without it for one" },
);

export const paginationField = named.superRefine((given, context) => {
  if (given === undefined) return;
  const complain = (message: string) => context.addIssue({ code: "custom", message });
  if (given.by === "cursor" && given.cursor === undefined) complain("has `by: cursor` without `cursor`");
  if (given.by === "link" && given.start === "last") complain("has `start: last`, which needs `by: cursor`");
}) as typeof named;

export type Pagination = NonNullable<z.output<typeof paginationField>>;

/** Where a page is: a URL (by link), or a cursor. */
export type NextPage = string;

/** The URL of a page. */
export function pageUrl(first: URL, pagination: Pagination | undefined, page: NextPage | undefined): URL {
  if (page === undefined || pagination === undefined) return first;
  if (pagination.by === "link") return new URL(page);
  const url = new URL(first);
  url.searchParams.set(pagination.parameter, page);
  return url;
}

/**
 * The page after this one; `undefined` after the last.
 * @throws when the next page is on another server: it would be told who asks
 */
export function nextPage(response: FetchedResponse, pagination: Pagination, endpoint: URL): NextPage | undefined {
  return pagination.by === "link" ? nextByLink(response, endpoint) : nextByCursor(response, pagination);
}

function nextByCursor({ body }: FetchedResponse, { cursor = [] }: Pagination): NextPage | undefined {
  const text = new TextDecoder().decode(body);
  const json = isJson(text) ? jsonAt(text, cursor) : undefined;
  if (json === undefined || json === "null" || json === "false") return undefined;
  const next = plainText(json);
  return next === "" ? undefined : next;
}

/** `<https://example.com/?page=2>; rel="next"`, several with commas between them (RFC 8288). */
const LINK = /<([^>]*)>((?:\s*;\s*[^\s=;,]+(?:\s*=\s*(?:"(?:[^"\\]|\\.)*"|[^\s;,"]*))?)*)/g;
const REL = /;\s*rel\s*=\s*(?:"([^"]*)"|([^\s;,"]*))/i;

function nextByLink(response: FetchedResponse, endpoint: URL): NextPage | undefined {
  const header = response.headers.link;
  for (const [, target = "", parameters = ""] of String(header ?? "").matchAll(LINK)) {
    const [, inQuotes, bare = ""] = REL.exec(parameters) ?? [];
    if (!(inQuotes ?? bare).toLowerCase().split(/\s+/).includes("next")) continue;
    const url = new URL(target, response.url);
    if (url.origin !== endpoint.origin) throw new Error(`the next page is on another server, ${url.origin}`);
    return url.href;
  }
  return undefined;
}

/**
 * The elements of the array that is at the path, as they are written.
 * @throws when the answer is not JSON or has no array there
 */
export function splitRecords(response: FetchedResponse, path: JsonPath): readonly string[] {
  const text = new TextDecoder().decode(response.body);
  if (!isJson(text)) {
    const type = headerText(response.headers, "content-type") ?? "no content type";
    throw new Error(`the answer is not JSON (${type})`);
  }
  const elements = jsonElements(jsonAt(text, path) ?? "");
  if (elements === undefined) throw new Error(`the answer has no array at $${path.map((step) => `.${step}`).join("")}`);
  return elements;
}
