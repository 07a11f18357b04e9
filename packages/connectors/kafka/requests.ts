import { setTimeout as sleep } from "node:timers/promises";
import type { Consumer, Producer } from "@platformatic/kafka";
import type { ConnectorContext } from "fluvio/connector";

/** After this time without an answer the connector's state says so. */
const SILENCE_MS = 3000;
/** After this time without an answer the connection is taken for dead. */
const DEAD_MS = 20_000;
const CLOSE_TIMEOUT_MS = 2000;

/**
 * Waits for an answer; when it is late, the connector's state tells so until it is there.
 * @param onDead called when the answer does not come at all; without it the wait is given up
 */
export async function told<T>(
  answer: Promise<T>,
  { trouble }: Pick<ConnectorContext<unknown>, "trouble">,
  brokers: string,
  onDead?: () => void,
): Promise<T> {
  let isTold = false;
  let giveUp = (_: Error): void => {};
  const silent = setTimeout(() => {
    isTold = true;
    trouble(`Kafka at ${brokers} has not answered for ${SILENCE_MS / 1000} s`);
  }, SILENCE_MS);
  const dead = setTimeout(() => {
    if (onDead === undefined) giveUp(new Error(`no answer within ${DEAD_MS / 1000} s`));
    else onDead();
  }, DEAD_MS);
  const dropped = new Promise<never>((_, reject) => {
    giveUp = reject;
  });
  answer.catch(() => {
    // The race below has told.
  });
  try {
    const result = await Promise.race([answer, dropped]);
    if (isTold) trouble("");
    return result;
  } finally {
    clearTimeout(silent);
    clearTimeout(dead);
  }
}

/** Cuts the connections of a client: whatever waits for an answer fails, and may be asked again. */
export function cut(client: Consumer | Producer): void {
  for (const [, connection] of client.connections) connection.socket?.destroy();
}

/** Closes a client, in good form when the broker answers. */
export async function closeNow(client: Consumer | Producer): Promise<void> {
  // When it fails, there is nobody left to say goodbye to.
  const closed = new Promise<void>((resolve) => client.close(true, () => resolve()));
  await Promise.race([closed, sleep(CLOSE_TIMEOUT_MS, undefined, { ref: false })]);
  cut(client);
}
