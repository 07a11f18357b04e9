import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { FastifyInstance } from "fastify";
import { defineSource, type SourceContext } from "fluvio/connector";
import { type WebhookConfig, webhookConfig } from "./options.ts";
import { webhookServer } from "./server.ts";

/** Requests that are under way when the connector is to stop may take this long. */
const DRAIN_TIMEOUT_MS = 8000;

/** Listens on a port and makes each request a record. */
export const connector = defineSource({
  name: "webhook",
  version: "0.1.0",
  summary: "Listens on a port of its own and makes each request a record",
  config: webhookConfig,
  run: async (context) => {
    const { config, signal, logger } = context;
    const server = await webhookServer(context);
    try {
      await listen(server, context);
      const { port } = server.server.address() as AddressInfo;
      logger.info({ host: config.host, port, path: `${config.path}/` }, "listening");
      if (config.signature === undefined) {
        logger.warn({ port }, "no signature is asked for: whoever reaches the port can write to the topic");
      }
      await new Promise<void>((stopped) => {
        if (signal.aborted) stopped();
        signal.addEventListener("abort", () => stopped(), { once: true });
      });
    } finally {
      await drain(server);
    }
  },
});

async function listen(server: FastifyInstance, { config }: SourceContext<WebhookConfig>): Promise<void> {
  const { host, port } = config;
  try {
    await server.listen({ host, port });
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const isTaken = code === "EADDRINUSE";
    const help = isTaken ? ": another process listens there; stop it, or set another `port`" : "";
    throw new Error(`port ${port} on ${host} cannot be opened (${code ?? message})${help}`, { cause });
  }
}

/** No new connections; what is under way is answered. */
async function drain(server: FastifyInstance): Promise<void> {
  const done = new AbortController();
  const late = sleep(DRAIN_TIMEOUT_MS, undefined, { signal: done.signal }).then(
    () => server.server.closeAllConnections(),
    () => {},
  );
  await server.close();
  done.abort();
  await late;
}
