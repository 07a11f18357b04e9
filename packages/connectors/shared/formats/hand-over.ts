import { connectorStopped, type SourceContext } from "fluvio/connector";
import type { Decoded, InvalidRecord } from "./decoder.ts";
import type { FormatOptions } from "./format-options.ts";

/**
 * Hands over the records of a document. What is no record goes to the log, with its place and its beginning, and is left out,
 * or ends the connector, as `on-invalid` says; what stands before it is handed over.
 * @param document what it was read from, for the log and for keys
 * @returns bytes that were handed over
 * @throws FLV_CONNECTOR_STOPPED for `on-invalid: stop`, and what `send` throws
 */
export async function handOver(
  context: Pick<SourceContext<FormatOptions>, "config" | "logger" | "send">,
  document: string,
  { values, invalid }: Decoded,
): Promise<number> {
  const key = context.config.key === "path" ? { key: document } : {};
  let sizeBytes = 0;
  let next = 0;
  const sendUntil = async (end: number): Promise<void> => {
    for (; next < end; next++) {
      const value = values[next] as Uint8Array | string;
      await context.send({ ...key, value });
      sizeBytes += value.length;
    }
  };
  for (const one of invalid) {
    await sendUntil(one.valuesBefore);
    leaveOut(context, document, one);
  }
  await sendUntil(values.length);
  return sizeBytes;
}

function leaveOut(
  { config, logger }: Pick<SourceContext<FormatOptions>, "config" | "logger">,
  document: string,
  { offset, reason, bytes }: InvalidRecord,
): void {
  if (config["on-invalid"] === "stop") {
    const place = `${document} cannot be read at byte ${offset} as ${config.format}`;
    const hint = "put the document right, or choose `on-invalid: skip`";
    throw connectorStopped(`${place}, and \`on-invalid\` is \`stop\`: ${reason}`, hint);
  }
  logger.error({ document, offset, reason, bytes }, "record left out: invalid");
}
