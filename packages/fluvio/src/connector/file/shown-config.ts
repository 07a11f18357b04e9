import type { z } from "zod";
import type { ConnectorDefinition } from "../define.ts";
import { fieldsByKey } from "../options/check.ts";
import { fieldMeta } from "../options/fields.ts";
import { type ConnectorConfig, type ParameterValue, REDACTED, redactSecrets } from "./config.ts";
import { canonicalKey } from "./problem.ts";
import { refersToSecret } from "./secrets.ts";

/**
 * A configuration as it may be shown: without the values of its secrets and of the options that are secret. An option that
 * takes its value from a secret by name is shown as it was written.
 */
export function shownConfig(config: ConnectorConfig, definition: Pick<ConnectorDefinition, "config">): ConnectorConfig {
  const fields = fieldsByKey(definition.config);
  return { ...redactSecrets(config), parameters: shownFields(config.parameters, (key) => fields.get(key)?.field) };
}

type Parameters = Readonly<Record<string, ParameterValue>>;

function shownFields(values: Parameters, fieldOf: (key: string) => z.ZodType | undefined): Parameters {
  const shown = Object.entries(values).map(([key, value]): [string, ParameterValue] => {
    const field = fieldOf(canonicalKey(key));
    if (field === undefined) return [key, withoutPasswords(value)];
    const { isSecret, fields, kind } = fieldMeta(field);
    const arePairs = kind === "list of name:value";
    if (isSecret) return [key, hidden(value, arePairs)];
    if (arePairs) return [key, withoutSecretPairs(value)];
    if (fields === undefined || typeof value !== "object" || Array.isArray(value))
      return [key, withoutPasswords(value)];
    const inner = Object.entries(fields).map(([name, one]): [string, z.ZodType] => [canonicalKey(name), one]);
    const byKey = new Map(inner);
    return [key, shownFields(value as Parameters, (name) => byKey.get(name))];
  });
  return Object.fromEntries(shown);
}

/** Scheme, user and colon of a URL that has a password. */
const URL_PASSWORD = /^([a-z][a-z0-9+.-]*:\/\/[^\s/:@]*:)([^\s/@]+)(?=@)/i;

/** Passwords in URLs are secret, whatever the option. */
function withoutPasswords(value: ParameterValue): ParameterValue {
  if (refersToSecret(value)) return value;
  if (typeof value === "string") return value.replace(URL_PASSWORD, `$1${REDACTED}`);
  if (Array.isArray(value)) return value.map(withoutPasswords);
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, withoutPasswords(inner as ParameterValue)]),
  );
}

/** Names of pairs, such as headers, whose values are secret whatever the option. */
const SECRET_NAME = /authorization|cookie|token|secret|password|api-?key/i;

function withoutSecretPairs(value: ParameterValue): ParameterValue {
  if (typeof value === "string") return SECRET_NAME.test(value.split(":", 1)[0] ?? "") ? hidden(value, true) : value;
  if (Array.isArray(value)) return value.map(withoutSecretPairs);
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      SECRET_NAME.test(key) ? hidden(inner as ParameterValue, false) : (inner as ParameterValue),
    ]),
  );
}

/** @param arePairs texts are `name:value`, of which the name is shown */
function hidden(value: ParameterValue, arePairs: boolean): ParameterValue {
  if (refersToSecret(value) || value === "") return value;
  if (typeof value === "string") {
    const colon = arePairs ? value.indexOf(":") : -1;
    return colon < 0 ? REDACTED : `${value.slice(0, colon)}: ${REDACTED}`;
  }
  if (Array.isArray(value)) return value.map((item) => hidden(item, arePairs));
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, hidden(inner as ParameterValue, false)]));
}

/** What {@link shownConfig} left out: every text that must not be seen. */
export function hiddenTexts(whole: ConnectorConfig, shown: ConnectorConfig): readonly string[] {
  const found: string[] = [];
  const compare = (value: unknown, other: unknown): void => {
    if (typeof value === "string") {
      const [before, after] = typeof other === "string" && value !== other ? other.split(REDACTED) : [];
      if (before === undefined || after === undefined) return;
      // A pair is shown with one blank behind its colon, however it was written.
      found.push(value.slice(before.trimEnd().length, value.length - after.length).trim());
    } else if (typeof value === "object" && value !== null && typeof other === "object" && other !== null) {
      for (const [key, inner] of Object.entries(value)) compare(inner, (other as Record<string, unknown>)[key]);
    }
  };
  compare(whole.parameters, shown.parameters);
  return found.filter((text) => text !== "");
}
