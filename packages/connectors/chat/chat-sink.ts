import { defineSink, field } from "fluvio/connector";
import { z } from "zod";
import { chat, chatFields } from "./messenger.ts";

/** Sends each record as a message to a chat service that takes JSON at a webhook: Mattermost, Rocket.Chat, Google Chat, … */
export const connector = defineSink({
  name: "chat",
  version: "0.1.0",
  summary: "Sends each record as a message to a chat service's webhook",
  config: z.object({
    ...chatFields,
    field: field.text({ doc: "name under which the service takes the text", default: "text" }),
    fields: field.pairs({ doc: "what else is sent with each message, `name: text`" }),
    "max-length": field.integer({ doc: "characters of a message", default: "4000", min: 50, max: 1_000_000 }),
    interval: field.duration({ doc: "least time from one message to the next", default: "1s" }),
  }),
  run: (context) => {
    const { field: name, fields, "max-length": lengthMax, interval } = context.config;
    return chat(context, {
      lengthMax,
      intervalMs: interval,
      body: (text) => ({ ...Object.fromEntries(fields), [name]: text }),
    });
  },
});
