import { JetStreamApiCodes, JetStreamApiError, type JetStreamManager } from "@nats-io/jetstream";
import type { ConnectorContext } from "fluvio/connector";

/** Makes the stream with these subjects when there is none of the name. @throws what the server says against it */
export async function ensureStream(
  manager: JetStreamManager,
  name: string,
  subjects: readonly string[],
  logger: ConnectorContext<unknown>["logger"],
): Promise<void> {
  try {
    await manager.streams.info(name);
  } catch (error) {
    if (!(error instanceof JetStreamApiError) || error.code !== JetStreamApiCodes.StreamNotFound) throw error;
    await manager.streams.add({ name, subjects: [...subjects] });
    logger.info({ stream: name, subjects }, "made the stream");
  }
}
