import type { SinkRecord } from "fluvio/connector";
import { parseTemplate, type Template } from "../shared/template.ts";

/** Places that only names of objects have. */
const OWN = /\{\{\s*(yyyy|MM|dd|HH|mm|offset|extension)\s*\}\}/;
type OwnPlace = "yyyy" | "MM" | "dd" | "HH" | "mm" | "offset" | "extension";

/** Stands for the offset while it is not known; no template and no part of a record has it. */
const OFFSET = "\u0000";
/** Names in the order of their text are in the order of their offsets. */
const OFFSET_DIGITS = 20;
const KEY_SIZE_BYTES_MAX = 1024;

/** The name of an object, from its first record. */
export interface ObjectPath {
  /** Records with the same text belong into one object, which has the offset of the first of them in its name. */
  folderOf(record: SinkRecord, extension: string): { readonly text: string } | { readonly problem: string };
}

/** Puts the offset of the first record into a folder; `part` counts objects that begin with the same offset. */
export function keyOf(folder: string, offset: number, part: number): string {
  const name = `${String(offset).padStart(OFFSET_DIGITS, "0")}${part === 0 ? "" : `.${part}`}`;
  return folder.replaceAll(OFFSET, name);
}

/**
 * @returns `undefined` for a text that is no template, and for one without `{{partition}}` and `{{offset}}`: two objects
 * would have the same name
 */
export function parseObjectPath(text: string): ObjectPath | undefined {
  const parts: (Template | OwnPlace)[] = [];
  for (const [index, piece] of text.split(OWN).entries()) {
    const part = index % 2 === 1 ? (piece as OwnPlace) : parseTemplate(piece);
    if (part === undefined) return undefined;
    parts.push(part);
  }
  if (!parts.includes("offset") || !/\{\{\s*partition\s*\}\}/.test(text)) return undefined;
  return { folderOf: (record, extension) => fill(parts, record, extension) };
}

function fill(parts: readonly (Template | OwnPlace)[], record: SinkRecord, extension: string) {
  // Records without a time of their own have a day all the same, so that they are named as before when repeated.
  const time = new Date(Math.max(0, record.timestampMs)).toISOString();
  const own = {
    yyyy: time.slice(0, 4),
    MM: time.slice(5, 7),
    dd: time.slice(8, 10),
    HH: time.slice(11, 13),
    mm: time.slice(14, 16),
    offset: OFFSET,
    extension,
  };
  let text = "";
  for (const part of parts) {
    if (typeof part === "string") {
      text += own[part];
      continue;
    }
    const filled = part.fill(record, inName);
    if ("missing" in filled) return { problem: `the record has ${filled.missing} for the path of its object` };
    text += filled.text;
  }
  const sizeBytes = Buffer.byteLength(text) + OFFSET_DIGITS;
  if (sizeBytes > KEY_SIZE_BYTES_MAX)
    return { problem: `the path of its object has ${sizeBytes} bytes, more than S3 allows` };
  return { text };
}

/** A part of a record within a name: slashes and what is not plain are written as in URLs. */
function inName(text: string): string {
  return encodeURIComponent(text.replaceAll(/\p{Surrogate}/gu, "\ufffd")).replaceAll("%20", " ");
}
