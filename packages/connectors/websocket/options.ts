import { field } from "fluvio/connector";
import { authField } from "../shared/auth.ts";
import { tlsField } from "../shared/tls.ts";

/** Options that the websocket source and sink have in common. */
export const socketFields = {
  endpoint: field.url(["ws", "wss"], { doc: "URL of the WebSocket", aliases: ["url"] }),
  headers: field.pairs({ doc: "headers of the opening request, `Name: value`", aliases: ["header"] }),
  auth: authField,
  tls: tlsField,
  "user-agent": field.text({ doc: "value of the User-Agent header", default: "fluvio/websocket 0.1.0" }),
  subprotocols: field.optionalTexts({ doc: "protocols that are offered to the server", aliases: ["subprotocol"] }),
  "connect-timeout": field.duration({ doc: "longest wait for a connection", default: "10s", minMs: 1 }),
  "ping-interval": field.duration({
    doc: "how often a sign of life is asked for where nothing comes",
    default: "2s",
    minMs: 1,
  }),
  "ping-timeout": field.duration({
    doc: "how long there may be none before the connection is given up",
    default: "20s",
    minMs: 1,
  }),
};

/** Signs of life of a WebSocket for which the file says nothing, milliseconds. */
export const PING_DEFAULTS = { "ping-interval": 2000, "ping-timeout": 20_000 };
