import { field, type SinkRecord } from "fluvio/connector";
import type { z } from "zod";
import { shownEndpoint } from "./shown.ts";
import { parseTemplate, type Template } from "./template.ts";

/** A URL with places in its path, query or fragment. Parts of records are percent-encoded there. */
export interface UrlTemplate {
  readonly hasPlaces: boolean;
  /** The server and the path up to the first place: for messages, without user, password and query. */
  readonly shown: string;
  /** @returns the URL, or `{ missing }`: what the record does not have, or why it cannot be part of a URL */
  fill(record: SinkRecord): { readonly url: URL } | { readonly missing: string };
}

/**
 * @returns `undefined` for what is no http or https URL, also for places in the part that names the server
 * @throws as `URL`
 */
export function parseUrlTemplate(text: string): UrlTemplate | undefined {
  const template = parseTemplate(text);
  if (template === undefined) return undefined;
  const [url, other] = ["a", "b"].map((filler) => new URL(text.replaceAll(/(?<!\\)\{\{.*?\}\}/gs, filler)));
  if (url === undefined || other === undefined) return undefined;
  if (url.protocol !== "http:" && url.protocol !== "https:") return undefined;
  if (url.host !== other.host || url.username !== other.username || url.password !== other.password) return undefined;
  return {
    hasPlaces: template.hasPlaces,
    shown: shownEndpoint(template.hasPlaces ? new URL(template.beginning) : url),
    fill: (record) => fillUrl(template, record),
  };
}

/** An option that is a URL with places. */
export function urlTemplate(options: field.FieldText): z.ZodType<UrlTemplate> {
  const expected = "an http or https URL such as https://example.com/items/{{key}}";
  return field.parsed(expected, parseUrlTemplate, { ...options, kind: "URL" });
}

/** A segment of nothing but dots would be taken for another folder. */
const DOTS = /\/\.{1,2}(?:\/|$)/;

function fillUrl(template: Template, record: SinkRecord): { readonly url: URL } | { readonly missing: string } {
  let filled: ReturnType<Template["fill"]>;
  try {
    filled = template.fill(record, encodeURIComponent);
  } catch {
    return { missing: "no valid text for the URL" };
  }
  if ("missing" in filled) return filled;
  const [path = ""] = filled.text.split(/[?#]/, 1);
  if (template.hasPlaces && DOTS.test(path)) return { missing: "nothing but dots for a segment of the URL" };
  return { url: new URL(filled.text) };
}
