import { defineSink, field } from "fluvio/connector";
import { z } from "zod";
import type { PosterReply } from "../shared/poster.ts";
import { chat, chatFields } from "./messenger.ts";

const LENGTH_MAX = 2000;
const TOO_MANY_REQUESTS = 429;

/** Sends each record as a message to a Discord channel. */
export const connector = defineSink({
  name: "discord",
  version: "0.1.0",
  summary: "Sends each record as a message to a Discord channel",
  config: z.object({
    ...chatFields,
    username: field.optionalText({ doc: "name that messages are shown under" }),
    "avatar-url": field.optionalText({ doc: "picture beside it" }),
    thread: field.optionalText({ doc: "id of the thread that messages go to" }),
    mentions: field.flag({ doc: "`@everyone` and the like in a record notify people", default: "false" }),
  }),
  run: (context) => {
    const { config } = context;
    const url = new URL(config["webhook-url"]);
    // Without it a message that is not kept is answered as one that is.
    url.searchParams.set("wait", "true");
    if (config.thread !== undefined) url.searchParams.set("thread_id", config.thread);
    return chat(context, {
      lengthMax: LENGTH_MAX,
      intervalMs: 0,
      url,
      body: (content) => ({
        content,
        username: config.username,
        avatar_url: config["avatar-url"],
        allowed_mentions: config.mentions ? undefined : { parse: [] },
      }),
      pauseMs,
    });
  },
});

/** Times are told in whole milliseconds, rounded: the limit may end this much later. */
const ROUNDED_MS = 1;

/** The limit is told by headers; when it is crossed, by the answer itself, in seconds with fractions. */
function pauseMs({ statusCode, header, excerpt }: PosterReply): number {
  const told = Number(header("x-ratelimit-reset-after"));
  const resetMs = Number.isFinite(told) ? told * 1000 + ROUNDED_MS : 0;
  if (statusCode !== TOO_MANY_REQUESTS) return header("x-ratelimit-remaining") === "0" ? resetMs : 0;
  const [, seconds = "0"] = /"retry_after"\s*:\s*(\d+(?:\.\d+)?)/.exec(excerpt) ?? [];
  return Math.max(Number(seconds) * 1000 + ROUNDED_MS, resetMs);
}
