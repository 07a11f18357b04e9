import { REDACTED } from "../file/config.ts";
import { isWholeUrl, leftOut, urlWithoutSecrets, withoutUrlSecrets } from "../file/url-secrets.ts";

/** Lines of a secret of several lines that are hidden also when they stand alone, characters. */
const LINE_CHARS_MIN = 8;
/** A line of a log that is longer is passed on in pieces, characters. */
const LINE_CHARS_MAX = 64 * 1024;

/** Puts {@link REDACTED} in the place of what must not be shown. */
export type Hide = (text: string) => string;

/**
 * Hides these texts: as they are, as they stand in JSON and in URLs, and each longer line of those with several lines;
 * besides them what is secret in any URL.
 */
export function hider(texts: Iterable<string>): Hide {
  const hidden = new Set<string>();
  for (const text of texts) {
    if (text === "" || text === REDACTED) continue;
    const lines = text.split(/\r?\n/).filter((line) => line.length >= LINE_CHARS_MIN);
    for (const one of [text, ...lines, ...secretsOfUrl(text)].flatMap((part) => [part, decoded(part)])) {
      for (const form of [one, JSON.stringify(one).slice(1, -1), inUrl(one), asUser(one)]) hidden.add(form);
    }
  }
  // A text that is a part of another one would leave the rest of that to be seen.
  const byLength = [...hidden].sort((a, b) => b.length - a.length);
  return (text) => withoutUrlSecrets(byLength.reduce((shown, one) => shown.replaceAll(one, REDACTED), text));
}

/** A URL that is secret as a whole is taken apart by whoever connects to it. */
function secretsOfUrl(text: string): readonly string[] {
  if (!isWholeUrl(text)) return [];
  return leftOut(text, urlWithoutSecrets(text)).filter((part) => part !== "");
}

/** What is given in a URL is used without its escapes. */
function decoded(text: string): string {
  try {
    const plain = decodeURIComponent(text);
    return plain.trim() === "" ? text : plain;
  } catch {
    return text;
  }
}

/** As a parser of URLs writes it where user and password stand: fewer characters are escaped there than in a query. */
function asUser(text: string): string {
  const url = new URL("http://host");
  url.username = text;
  return url.username;
}

/** Half a pair of surrogates has no form in a URL. */
function inUrl(text: string): string {
  return encodeURIComponent(Buffer.from(text).toString());
}

/** What a process writes, hidden line by line. */
export async function* hideIn(chunks: AsyncIterable<Uint8Array>, hide: Hide): AsyncGenerator<Uint8Array> {
  const decoder = new TextDecoder();
  const encoder = new TextEncoder();
  let open = "";
  for await (const chunk of chunks) {
    open += decoder.decode(chunk, { stream: true });
    const end = open.length > LINE_CHARS_MAX ? open.length : open.lastIndexOf("\n") + 1;
    if (end > 0) yield encoder.encode(hide(open.slice(0, end)));
    open = open.slice(end);
  }
  if (open !== "") yield encoder.encode(hide(open));
}
