import { type ConnectorContext, connectorStopped } from "fluvio/connector";
import type { InvalidRecord } from "./decoder.ts";
import type { FormatOptions } from "./format-options.ts";

/**
 * Deals with what is no record as `on-invalid` says: it goes to the log, with its place and its beginning.
 * @param document what it was read from, for the log
 * @throws FLV_CONNECTOR_STOPPED for `stop`
 */
export function dealWithInvalid(
  context: Pick<ConnectorContext<FormatOptions>, "config" | "logger">,
  document: string,
  invalid: readonly InvalidRecord[],
): void {
  const { config, logger } = context;
  for (const { offset, reason, bytes } of invalid) {
    if (config["on-invalid"] === "stop") {
      const sentence = `${document} cannot be read at byte ${offset} as ${config.format}, and \`on-invalid\` is \`stop\`: ${reason}`;
      throw connectorStopped(sentence, "put the document right, or choose `on-invalid: skip`");
    }
    logger.error({ document, offset, reason, ...(bytes === undefined ? {} : { bytes }) }, "record left out: invalid");
  }
}
