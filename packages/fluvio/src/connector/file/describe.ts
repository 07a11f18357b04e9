import { Document, isScalar, visit } from "yaml";
import { type ConnectorConfig, redactSecrets } from "./config.ts";

/**
 * The configuration as `connector describe` and `connector config` show it: a YAML document that creates the same
 * connector again, secrets hidden. Defaults are not repeated, and the direction only where the type leaves it open.
 */
export function describeConfig(config: ConnectorConfig): string {
  const shown = redactSecrets(config);
  const document = new Document({
    name: shown.name,
    type: shown.type,
    topic: shown.topic,
    ...(shown.direction === "sink" && !shown.type.endsWith("-sink") ? { direction: shown.direction } : {}),
    version: shown.version,
    ...(shown.runtime === undefined ? {} : { runtime: shown.runtime }),
    ...(shown.image === undefined ? {} : { image: shown.image }),
    ...nonEmpty("topic-options", shown["topic-options"]),
    ...nonEmpty("parameters", shown.parameters),
    ...nonEmpty("secrets", shown.secrets),
    ...nonEmpty("producer", shown.producer),
    ...nonEmpty("consumer", shown.consumer),
    ...(shown.transforms.length === 0 ? {} : { transforms: shown.transforms }),
  });
  if (document.directives !== undefined) document.directives.docStart = true;
  visit(document, {
    Scalar(key, node) {
      if (key === "key" || !isScalar(node) || typeof node.value !== "string") return;
      if (needsQuotes(node.value)) node.type = "QUOTE_DOUBLE";
    },
  });
  return document.toString({ lineWidth: 0 });
}

function nonEmpty(key: string, value: object | undefined): object {
  return value === undefined || Object.keys(value).length === 0 ? {} : { [key]: value };
}

/** Texts that YAML would, or some YAML reader might, take for something else; URLs are among them, as the original quotes them. */
function needsQuotes(value: string): boolean {
  return (
    /^$|^\s|\s$|[:{}[\],#`"'\\\n]|^[&*?|\-<>=!%@]/.test(value) ||
    /^(true|false|yes|no|on|off|null|~|[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?)$/i.test(value)
  );
}
