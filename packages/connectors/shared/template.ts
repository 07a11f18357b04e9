import { field, type SinkRecord } from "fluvio/connector";
import type { z } from "zod";
import { isJson, type JsonPath, jsonAt, parseJsonPath, plainText } from "./json-text.ts";

/*
 * Texts with places for parts of a record:
 *
 *   {{value}} {{key}} {{offset}} {{partition}} {{topic}}   value and key as UTF-8
 *   {{timestamp}} {{time}}                                 milliseconds since the epoch; the same in RFC 3339
 *   {{value.user.name}} {{value.list[0]}} {{key.id}}       parts of JSON: strings without their quotes, numbers as written
 *   {{json value.user}}                                    as JSON: {{json key}} is a string in quotes
 *   {{base64 value}}                                       the bytes
 *   {{value.note ?? none}}                                 what stands there when the record has nothing
 *   \{{                                                    the two braces themselves
 */

/** How a part of a record is written into the text around it. */
type Escape = (text: string) => string;

/** A text with places that are filled in from a record. */
export interface Template {
  /** As it was written. */
  readonly source: string;
  /** Whether there are places at all. */
  readonly hasPlaces: boolean;
  /** The text before the first place. */
  readonly beginning: string;
  /** @returns the text, or `{ missing }`: what the record does not have */
  fill(record: SinkRecord, escaped?: Escape): Filled;
}

export type Filled = { readonly text: string } | { readonly missing: string };

const FORMS = ["text", "json", "base64"] as const;
const NAMES = ["value", "key", "offset", "partition", "timestamp", "topic", "time"] as const;

interface Place {
  readonly name: (typeof NAMES)[number];
  readonly path: JsonPath;
  readonly form: (typeof FORMS)[number];
  readonly fallback: string | undefined;
}

const PLACES = /\\\{\{|\{\{(.*?)\}\}/gs;
const PLACE = /^(?:(json|base64)\s+)?(\w+)([.[].*?)?(?:\s*\?\?\s*(.*?))?$/s;

/** @returns `undefined` for a text with a place that no record has */
export function parseTemplate(source: string): Template | undefined {
  const parts: (string | Place)[] = [];
  let end = 0;
  for (const match of source.matchAll(PLACES)) {
    const place = match[1] === undefined ? "{{" : parsePlace(match[1].trim());
    if (place === undefined) return undefined;
    parts.push(source.slice(end, match.index), place);
    end = match.index + match[0].length;
  }
  const rest = source.slice(end);
  if (rest.includes("{{")) return undefined;
  parts.push(rest);
  const [first] = parts;
  return {
    source,
    hasPlaces: parts.some((part) => typeof part !== "string"),
    beginning: typeof first === "string" ? first : "",
    fill: (record, escaped) => fill(parts, record, escaped),
  };
}

/** An option that is a template. */
export function template(options: field.FieldText & field.Fallback): z.ZodType<Template> {
  return field.parsed("a template such as `orders/{{key}}`", parseTemplate, { ...options, kind: "template" });
}

/** An option that is a template, and may be absent. */
export function optionalTemplate(options: field.FieldText): z.ZodType<Template | undefined> {
  return field.optionalParsed("a template such as `orders/{{key}}`", parseTemplate, { ...options, kind: "template" });
}

function parsePlace(written: string): Place | undefined {
  const match = PLACE.exec(written);
  if (match === null) return undefined;
  const [, form = "text", given, rest = "", fallback] = match;
  const name = NAMES.find((one) => one === given);
  const path = rest === "" ? [] : parseJsonPath(`$${rest}`);
  if (name === undefined || path === undefined) return undefined;
  const isBytes = name === "value" || name === "key";
  if (!isBytes && (path.length > 0 || form === "base64")) return undefined;
  return { name, path, form: form as Place["form"], fallback };
}

function fill(parts: readonly (string | Place)[], record: SinkRecord, escaped: Escape = (text) => text): Filled {
  let filled = "";
  for (const part of parts) {
    if (typeof part === "string") {
      filled += part;
      continue;
    }
    const text = partOf(part, record);
    if (text === undefined) {
      const { name, path } = part;
      return { missing: path.length === 0 ? `no ${name}` : `no \`${path.join(".")}\` in its ${name}` };
    }
    filled += escaped(text);
  }
  return { text: filled };
}

function partOf(place: Place, record: SinkRecord): string | undefined {
  const { form, fallback } = place;
  const found = form === "base64" ? base64Of(place, record) : textOf(place, record);
  if (found !== undefined || fallback === undefined) return found;
  return form === "json" ? JSON.stringify(fallback) : fallback;
}

function textOf({ name, path, form }: Place, record: SinkRecord): string | undefined {
  switch (name) {
    case "offset":
    case "partition":
      return String(record[name]);
    case "timestamp":
      return record.timestampMs < 0 ? undefined : String(record.timestampMs);
    case "time":
      return record.timestampMs < 0 ? undefined : quoted(new Date(record.timestampMs).toISOString(), form);
    case "topic":
      return quoted(record.topic, form);
    default: {
      const bytes = record[name];
      // Lossy: what is not UTF-8 becomes U+FFFD.
      return bytes === undefined ? undefined : inside(new TextDecoder().decode(bytes), path, form);
    }
  }
}

function inside(text: string, path: JsonPath, form: Place["form"]): string | undefined {
  if (path.length === 0 && form === "text") return text;
  if (!isJson(text)) return path.length === 0 ? quoted(text, form) : undefined;
  const json = jsonAt(text, path);
  if (form === "json") return json;
  return json === undefined || json === "null" ? undefined : plainText(json);
}

const quoted = (text: string, form: Place["form"]): string => (form === "json" ? JSON.stringify(text) : text);

function base64Of(place: Place, record: SinkRecord): string | undefined {
  const { name, path } = place;
  if (name !== "value" && name !== "key") return undefined;
  const bytes = path.length === 0 ? record[name] : textOf({ ...place, form: "text" }, record);
  return bytes === undefined ? undefined : Buffer.from(bytes as Uint8Array).toString("base64");
}
