import { defineSource, field } from "fluvio/connector";
import { z } from "zod";
import { socketFields } from "./options.ts";
import { receive } from "./receive.ts";

/** Connects to a WebSocket and makes each message a record. */
export const connector = defineSource({
  name: "websocket",
  version: "0.1.0",
  summary: "Connects to a WebSocket and makes each message a record",
  config: z.object({
    ...socketFields,
    subscribe: field.optionalTexts({
      doc: "messages that are sent after connecting, a text or a list",
      aliases: ["subscribe-message", "subscription-message"],
      commas: false,
    }),
    output_type: field.oneOf(["text", "json"], {
      doc: '`text`: the message as it is; `json`: `{"body": …}`',
      default: "text",
    }),
    "max-message-size": field.byteSize({ doc: "a larger message ends the connection", default: "1MB" }),
    "retry-delay": field.duration({
      doc: "first pause before connecting again; it doubles",
      default: "500ms",
      minMs: 1,
    }),
    "retry-delay-max": field.duration({ doc: "longest pause before connecting again", default: "30s", minMs: 1 }),
  }),
  run: (context) => {
    const { config } = context;
    return receive(context, {
      ...config,
      subprotocols: config.subprotocols ?? [],
      subscribe: config.subscribe ?? [],
    });
  },
});
