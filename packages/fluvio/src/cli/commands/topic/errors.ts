import type { FluvioClient } from "../../../client/index.ts";
import { flvError, isFluvioError } from "../../../protocol/index.ts";
import { nearest } from "../../suggest.ts";

/** Runs `work`; when a topic it names does not exist, the error suggests the topic with the nearest name. */
export async function suggestingTopic<T>(client: FluvioClient, topic: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isFluvioError(error) || error.code !== "FLV_TOPIC_NOT_FOUND") throw error;
    const hint = await nearestTopicHint(client, topic);
    if (hint === undefined) throw error;
    throw flvError(error.code, error.message, { details: error.details, hint, cause: error.cause });
  }
}

/** `Did you mean "orders"?`, when there is a topic with a similar name. */
export async function nearestTopicHint(client: FluvioClient, topic: string): Promise<string | undefined> {
  // A suggestion is a courtesy: where the list cannot be had, the error itself is what matters.
  const topics = await client
    .admin()
    .listTopics()
    .catch(() => []);
  const similar = nearest(
    topic,
    topics.map(({ name }) => name),
  );
  return similar === undefined ? undefined : `Did you mean "${similar}"?`;
}
