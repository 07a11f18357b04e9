import { REDACTED } from "./config.ts";

/** Names of headers, fields and query parameters whose values are secret whatever the option. */
export const SECRET_NAME =
  /authorization|cookie|token|secret|passw|pwd|api[-_.]?key|access[-_.]?key|signature|credential/i;

/** Of query parameters these as well: too short to be looked for within other names. */
const SECRET_QUERY_NAME = /^(?:key|sig|auth|pass)$/i;

/** Scheme, user and colon of a URL that has a password; the last `@` before the path ends it. */
const PASSWORD =
  /([a-z][a-z0-9+.-]{0,15}:\/\/(?:\$?\{\{[^}]{0,99}\}\}|[^\s/:@?#"'`<>\\])*:)((?:\$?\{\{[^}]{0,99}\}\}|[^\s/?#"`<>\\])+)(?=@)/gi;

/** A parameter of a query, up to what cannot stand in one. */
const QUERY_PARAMETER = /([?&]([^\s=&#?"`<>\\]+)=)((?:\$?\{\{[^}]{0,99}\}\}|[^\s&#"`<>\\])+)/g;

/** References to secrets, and parts of records that a sink puts there. */
const PLACEHOLDER = /\$?\{\{[^}]{0,99}\}\}/g;

/**
 * The same text without what is secret in the URLs in it: passwords, and values of query parameters whose names look
 * secret. What takes such a value from elsewhere (`${{ secrets.NAME }}`, `{{key}}`) is shown as it was written.
 */
export function withoutUrlSecrets(text: string): string {
  // most texts have no URL in them
  if (!text.includes("=") && !text.includes("://")) return text;
  return text
    .replace(PASSWORD, (whole, before: string, password: string) =>
      isPlaceholder(password) ? whole : `${before}${REDACTED}`,
    )
    .replace(QUERY_PARAMETER, (whole, before: string, name: string, value: string) =>
      isSecretParameter(name) && !isPlaceholder(value) ? `${before}${REDACTED}` : whole,
    );
}

function isSecretParameter(name: string): boolean {
  return SECRET_NAME.test(name) || SECRET_QUERY_NAME.test(name);
}

function isPlaceholder(value: string): boolean {
  return value.replace(PLACEHOLDER, "") === "";
}
