import { defineSink, field } from "fluvio/connector";
import { z } from "zod";
import { chat, chatFields } from "./messenger.ts";

/** "A `text` of more than 40,000 characters is cut" by Slack itself. */
const LENGTH_MAX = 40_000;

/** Sends each record as a message to a Slack channel. */
export const connector = defineSink({
  name: "slack",
  version: "0.4.0",
  summary: "Sends each record as a message to a Slack channel",
  config: z.object({
    ...chatFields,
    username: field.optionalText({ doc: "name that messages are shown under, where the webhook allows it" }),
    "icon-emoji": field.optionalText({ doc: "emoji beside it, such as `:bell:`, where the webhook allows it" }),
    thread: field.optionalText({ doc: "`ts` of the message whose thread messages go to" }),
    escape: field.flag({
      doc: "`&`, `<` and `>` are shown as they are; without it `<!channel>` or `<https://…|text>` in a record work",
      default: "false",
    }),
    interval: field.duration({
      doc: "least time from one message to the next; Slack allows one a second",
      default: "1s",
    }),
  }),
  run: (context) => {
    const { username, "icon-emoji": icon, thread, escape: isEscaped, interval } = context.config;
    return chat(context, {
      lengthMax: LENGTH_MAX,
      intervalMs: interval,
      body: (text) => ({
        text: isEscaped ? text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;") : text,
        username,
        icon_emoji: icon,
        thread_ts: thread,
      }),
    });
  },
});
