import { REDACTED } from "./config.ts";

/** Names of headers, fields and query parameters whose values are secret whatever the option. */
export const SECRET_NAME =
  /authorization|cookie|token|secret|passw|pwd|api[-_.]?key|access[-_.]?key|signature|credential/i;

/** Of query parameters these as well: too short to be looked for within other names. */
const SECRET_QUERY_NAME = /^(?:key|sig|auth|pass)$/i;

/** Scheme, user and colon of a URL that has a password; the last `@` before the path ends it. */
const PASSWORD =
  /([a-z][a-z0-9+.-]{0,15}:\/\/(?:\$?\{\{[^}]{0,99}\}\}|[^\s/:@?#"'`<>\\])*:)((?:\$?\{\{[^}]{0,99}\}\}|[^\s/?#"`<>\\])+)(?=@)/gi;

/** A user without a password, where that is a token: with other schemes it is the name of a user. */
const LONE_USER = /\b((?:https?|wss?|nats|tls):\/\/)((?:\$?\{\{[^}]{0,99}\}\}|[^\s/:@?#"'`<>\\])+)(?=:?@)/gi;

/** The same where a scheme is all there is; one that is absent may stand for any. */
const TOKEN_SCHEME = /^(?:(?:https?|wss?|nats|tls):\/\/)?$/i;

/** A parameter of a query, up to what cannot stand in one. */
const QUERY_PARAMETER = /([?&]([^\s=&#?"`<>\\]+)=)((?:\$?\{\{[^}]{0,99}\}\}|[^\s&#"`<>\\])+)/g;

/** The same in a text that is a URL and nothing else. */
const WHOLE_QUERY_PARAMETER = /([?&]([^=&#?]+)=)([^&#]+)/g;

/** References to secrets, and parts of records that a sink puts there. */
const PLACEHOLDER = /\$?\{\{[^}]{0,99}\}\}/g;

/**
 * The same text without what is secret in the URLs in it: passwords, users that are tokens, and values of query parameters
 * whose names look secret. What takes such a value from elsewhere (`${{ secrets.NAME }}`, `{{key}}`) is shown as it was
 * written.
 */
export function withoutUrlSecrets(text: string): string {
  // most texts have no URL in them
  if (!text.includes("=") && !text.includes("://")) return text;
  return text
    .replace(PASSWORD, (_whole, before: string, password: string) => `${before}${hidden(password)}`)
    .replace(LONE_USER, (_whole, before: string, user: string) => `${before}${hidden(user)}`)
    .replace(QUERY_PARAMETER, (whole, before: string, name: string, value: string) =>
      isSecretParameter(name) ? `${before}${hidden(value)}` : whole,
    );
}

/**
 * As {@link withoutUrlSecrets}, for a text that is one URL or several with commas between them, with or without scheme.
 * Quotes and brackets in it belong to the URL, and of one that is no valid URL everything before its last `@` is hidden.
 */
export function urlWithoutSecrets(text: string): string {
  const urls = text.split(/(?<=,)(?=\s*[a-z][a-z0-9+.-]*:\/\/)/i);
  return urls.map(oneWithoutSecrets).join("");
}

/** Whether a text is a URL with a scheme and nothing else. */
export function isWholeUrl(text: string): boolean {
  return /^\s*[a-z][a-z0-9+.-]*:\/\/\S*\s*$/i.test(withoutPlaceholders(text));
}

function oneWithoutSecrets(url: string): string {
  const [scheme = ""] = /^\s*(?:[a-z][a-z0-9+.-]*:\/\/)?/i.exec(url) ?? [];
  const rest = url.slice(scheme.length);
  // of the same length, so that places in the one are places in the other
  const plain = withoutPlaceholders(rest);
  const authority = plain.slice(0, authorityEnd(scheme.trim(), plain));
  const at = authority.lastIndexOf("@");
  const behind = rest
    .slice(Math.max(at, 0))
    .replace(WHOLE_QUERY_PARAMETER, (whole, before, name, value) =>
      isSecretParameter(name) ? `${before}${hidden(value)}` : whole,
    );
  if (at < 0) return scheme + behind;
  const colon = authority.slice(0, at).indexOf(":");
  const user = rest.slice(0, colon < 0 ? at : colon);
  const password = colon < 0 ? "" : rest.slice(colon + 1, at);
  const isToken = password === "" && TOKEN_SCHEME.test(scheme.trim());
  return `${scheme}${isToken ? hidden(user) : user}${colon < 0 ? "" : ":"}${hidden(password)}${behind}`;
}

/** Up to where an `@` ends user and password. A slash in a password makes a path of the rest, or no URL at all. */
function authorityEnd(scheme: string, rest: string): number {
  if (!URL.canParse(scheme === "" ? `x://${rest}` : scheme + rest)) return rest.length;
  const end = rest.search(/^(?:https?|wss?):/i.test(scheme) ? /[/?#]/ : /[?#]/);
  return end < 0 ? rest.length : end;
}

/** Zeros are valid as a host, as a port and everywhere else. */
function withoutPlaceholders(text: string): string {
  return text.replace(PLACEHOLDER, (one) => "0".repeat(one.length));
}

/** Shorter values of a query are parts of many words: they are only hidden where they stand in a query. */
const QUERY_VALUE_CHARS_MIN = 6;

/** What stands in a text where what is shown of it has {@link REDACTED}. */
export function leftOut(value: string, shown: string): readonly string[] {
  const pieces = shown.split(REDACTED);
  // A pair is shown with one blank behind its colon, however it was written.
  let at = (pieces[0] ?? "").trimEnd().length;
  return pieces.slice(1).flatMap((piece, index) => {
    const isLast = index === pieces.length - 2;
    const end = isLast ? value.length - piece.length : value.indexOf(piece, at + 1);
    if (end < at) return [];
    const text = value.slice(at, end).trim();
    at = end + piece.length;
    const isShort = pieces[index]?.endsWith("=") === true && text.length < QUERY_VALUE_CHARS_MIN;
    return isShort ? [] : [text];
  });
}

function isSecretParameter(name: string): boolean {
  return SECRET_NAME.test(name) || SECRET_QUERY_NAME.test(name);
}

/** Nothing is not hidden, nor what takes its value from elsewhere. */
function hidden(value: string): string {
  return value.replace(PLACEHOLDER, "") === "" ? value : REDACTED;
}
