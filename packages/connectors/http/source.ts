import { defineSource } from "fluvio/connector";
import { PING_DEFAULTS } from "../websocket/options.ts";
import { receive } from "../websocket/receive.ts";
import { httpSourceConfig } from "./options.ts";
import { poll } from "./poll.ts";
import { stream } from "./stream.ts";

/** Requests a URL at an interval and makes each answer a record, or reads one answer that does not end. */
export const connector = defineSource({
  name: "http",
  version: "0.4.0",
  summary: "Requests a URL at an interval and makes each answer a record",
  config: httpSourceConfig,
  removed: { output_format: "Use `output_type: text|json` and `output_parts: body|full`" },
  run: async (context) => {
    const { config } = context;
    if (!config.endpoint.protocol.startsWith("ws")) return await (config.stream ? stream(context) : poll(context));
    await receive(context, {
      ...config,
      ...PING_DEFAULTS,
      subprotocols: [],
      subscribe: config.body === undefined ? [] : [config.body],
      "max-message-size": config["max-response-size"],
    });
  },
});
