import type { PackageStore } from "../../npm/index.ts";
import { flvError, isFluvioError } from "../../protocol/index.ts";
import { loadDefinition } from "../catalogue/catalogue.ts";
import { isLocalFolder, isPackageType } from "../catalogue/package-connector.ts";
import { type ConnectorConfig, REDACTED, redactSecrets } from "../file/config.ts";
import { problem } from "../file/problem.ts";
import { resolveSecrets, withSecrets } from "../file/secrets.ts";
import { hiddenTexts, shownConfig } from "../file/shown-config.ts";
import { type Hide, hider } from "../run/hide.ts";
import { checkOptions } from "./check.ts";
import { moduleReferences } from "./common-parameters.ts";
import { errorOptions } from "./error-options.ts";
import { sinkOptions } from "./sink-options.ts";

export interface ValidateOptions {
  /** Values of secrets that the configuration does not have itself. One that is hidden is not looked at. */
  lookup?(name: string): string | undefined;
  /**
   * Where drivers and packages are installed that are not part of the product. Without it nothing is installed, and of a
   * connector from the registry only its package's name is checked.
   */
  readonly packages?: PackageStore;
}

/**
 * Checks everything of a configuration that can be checked without running it: type, options, SmartModule parameters, secrets.
 * @returns the configuration as it may be shown
 * @throws FLV_CONNECTOR_INVALID | FLV_PACKAGE, without secrets in it
 */
export async function validateConnector(
  config: ConnectorConfig,
  file: string,
  { lookup = () => undefined, packages }: ValidateOptions = {},
): Promise<ConnectorConfig> {
  if (packages === undefined && isPackageType(config.type) && !isLocalFolder(config.type)) return redactSecrets(config);
  const definition = await loadDefinition(config, file, packages, { newest: true });
  const secrets = resolveSecrets(config, lookup, file);
  const filled = withSecrets(config, secrets);
  const shown = shownConfig(config, definition);
  try {
    checkOptions(definition, filled, file, secrets);
    moduleReferences(filled, definition.direction, file);
    errorOptions(filled, definition.direction, file);
    if (definition.direction === "sink") sinkOptions(filled, file);
  } catch (error) {
    throw withoutSecrets(error, hider([...Object.values(secrets), ...hiddenTexts(config, shown)]));
  }
  return shown;
}

/** Refuses values that were copied from where they are hidden. @throws FLV_CONNECTOR_INVALID */
export function refuseHidden(config: ConnectorConfig, file: string): void {
  for (const [key, value] of Object.entries(config.parameters)) {
    if (!JSON.stringify(value).includes(REDACTED)) continue;
    const path = `parameters.${key}`;
    throw problem({ file }, `\`${path}\` is ${REDACTED}: its value is hidden, and not known`, "Write the value", {
      key: path,
    });
  }
}

/** The same error without secrets in it. */
export function withoutSecrets(error: unknown, hide: Hide): unknown {
  if (!isFluvioError(error)) return error;
  const { code, message, hint, details } = error;
  return flvError(code, hide(message), {
    details: hideWithin(details, hide) as typeof details,
    ...(hint === undefined ? {} : { hint: hide(hint) }),
  });
}

function hideWithin(value: unknown, hide: Hide): unknown {
  if (typeof value === "string") return hide(value);
  if (Array.isArray(value)) return value.map((item) => hideWithin(item, hide));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, hideWithin(inner, hide)]));
}
