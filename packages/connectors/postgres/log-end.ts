import { setTimeout as sleep } from "node:timers/promises";
import type { Lsn } from "./lsn.ts";
import { endOfLog, open, type ServerOptions } from "./server.ts";

const INTERVAL_MS = 2000;

/**
 * Tells now and then where the server's log ends, until the signal aborts. It takes a connection of its own: a stream of
 * changes says only how far the server has come with sending. A server that cannot be asked is asked again later; what is
 * wrong with it the stream tells.
 */
export async function followLogEnd(
  options: ServerOptions,
  signal: AbortSignal,
  tell: (end: Lsn) => void,
): Promise<void> {
  const pause = () => sleep(INTERVAL_MS, undefined, { signal });
  while (!signal.aborted) {
    try {
      const connection = await open(options, "sql");
      let closing: Promise<void> | undefined;
      const close = () => {
        closing ??= Promise.resolve(connection[Symbol.asyncDispose]());
        return closing;
      };
      signal.addEventListener("abort", close, { once: true });
      try {
        while (!signal.aborted) {
          tell(await endOfLog(connection.client));
          await pause();
        }
      } finally {
        signal.removeEventListener("abort", close);
        await close();
      }
    } catch {
      await pause().catch(() => {
        // The end; the loop sees it.
      });
    }
  }
}
