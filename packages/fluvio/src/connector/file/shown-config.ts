import type { z } from "zod";
import type { ConnectorDefinition } from "../define.ts";
import { fieldsByKey } from "../options/check.ts";
import { fieldMeta } from "../options/fields.ts";
import { type ConnectorConfig, type ParameterValue, REDACTED, redactSecrets } from "./config.ts";
import { canonicalKey } from "./problem.ts";
import { refersToSecret } from "./secrets.ts";
import { isWholeUrl, leftOut, SECRET_NAME, urlWithoutSecrets, withoutUrlSecrets } from "./url-secrets.ts";

/**
 * A configuration as it may be shown: without the values of its secrets and of the options that are secret. An option that
 * takes its value from a secret by name is shown as it was written.
 */
export function shownConfig(config: ConnectorConfig, definition: Pick<ConnectorDefinition, "config">): ConnectorConfig {
  const fields = fieldsByKey(definition.config);
  return { ...redactSecrets(config), parameters: shownFields(config.parameters, (key) => fields.get(key)?.field) };
}

/** Kinds of fields whose texts are URLs, also those without a scheme. */
const URL_KINDS = ["URL", "list of URLs"];

type Parameters = Readonly<Record<string, ParameterValue>>;

function shownFields(values: Parameters, fieldOf: (key: string) => z.ZodType | undefined): Parameters {
  const shown = Object.entries(values).map(([key, value]): [string, ParameterValue] => {
    const field = fieldOf(canonicalKey(key));
    if (field === undefined) return [key, withoutPasswords(value)];
    const { isSecret, fields, kind } = fieldMeta(field);
    const arePairs = kind === "list of name:value";
    if (isSecret) return [key, hidden(value, arePairs)];
    if (arePairs) return [key, withoutSecretPairs(value)];
    if (fields === undefined || typeof value !== "object" || Array.isArray(value)) {
      return [key, withoutPasswords(value, URL_KINDS.includes(kind))];
    }
    const inner = Object.entries(fields).map(([name, one]): [string, z.ZodType] => [canonicalKey(name), one]);
    const byKey = new Map(inner);
    return [key, shownFields(value as Parameters, (name) => byKey.get(name))];
  });
  return Object.fromEntries(shown);
}

/** What is secret in URLs is so whatever the option. */
function withoutPasswords(value: ParameterValue, isUrl = false): ParameterValue {
  if (typeof value === "string") {
    return isUrl || isWholeUrl(value) ? urlWithoutSecrets(value) : withoutUrlSecrets(value);
  }
  if (Array.isArray(value)) return value.map((item) => withoutPasswords(item, isUrl));
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, withoutPasswords(inner as ParameterValue, isUrl)]),
  );
}

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
  if (value === "") return value;
  if (refersToSecret(value)) return withoutPasswords(value);
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
      if (typeof other === "string" && value !== other) found.push(...leftOut(value, other));
    } else if (typeof value === "object" && value !== null && typeof other === "object" && other !== null) {
      for (const [key, inner] of Object.entries(value)) compare(inner, (other as Record<string, unknown>)[key]);
    }
  };
  compare(whole.parameters, shown.parameters);
  return found.filter((text) => text !== "");
}
