import { isUtf8 } from "node:buffer";
import { defineSink, field, recordsRefused, type SinkGroup, tryLater } from "fluvio/connector";
import { WebSocket } from "ws";
import { z } from "zod";
import { batchBody, batchField } from "../shared/batch-body.ts";
import { Link } from "../shared/link.ts";
import { reasonOf } from "../shared/reason.ts";
import { shownEndpoint } from "../shared/shown.ts";
import { type OpenSocket, openSocket, SocketLost } from "./connection.ts";
import { socketFields } from "./options.ts";

const config = z.object({
  ...socketFields,
  "message-type": field.oneOf(["auto", "text", "binary"], {
    doc: "kind of the messages; `auto`: text, and binary for what is not UTF-8",
    default: "auto",
  }),
  batch: batchField("puts many records into one message; without it each value is a message"),
  confirm: field.oneOf(["pong", "sent"], {
    doc: "when records count as delivered: `pong`: the other side has answered a ping that was sent behind them; `sent`: this side has sent them",
    default: "pong",
  }),
});
type WebSocketSinkConfig = z.output<typeof config>;

/** Messages that are sent before a confirmation is waited for. */
const GROUP_RECORDS_MAX = 100;
/** Of messages that come; a sink has no use for them. */
const MESSAGE_SIZE_BYTES_MAX = 1024 * 1024;
/** Close codes that say something of a message: of a kind that is not taken, not valid, against the rules, too large. */
const REFUSALS = [1003, 1007, 1008, 1009];

/** Sends each record of a topic as a message of a WebSocket. */
export const connector = defineSink({
  name: "websocket",
  version: "0.1.0",
  summary: "Sends each record of a topic as a message of a WebSocket",
  config,
  run: async (context) => {
    const { config: own, deliver } = context;
    const shown = shownEndpoint(own.endpoint);
    const options = { ...own, subprotocols: own.subprotocols ?? [], "max-message-size": MESSAGE_SIZE_BYTES_MAX };
    await using link = new Link<OpenSocket>(context, `connect to ${shown}`, async () => {
      const open = await openSocket(options, new AbortController().signal);
      return { client: open, lost: open.lost, ping: () => open.ping(), close: open.close };
    });
    await deliver(async (group) => sendAll(await link.use(), own, group), {
      recordsMax: own.batch?.size ?? GROUP_RECORDS_MAX,
      ...(own.batch === undefined ? {} : { sizeBytesMax: own.batch["size-bytes"], lingerMs: own.batch.linger }),
    });
  },
});

async function sendAll(open: OpenSocket, own: WebSocketSinkConfig, group: SinkGroup): Promise<void> {
  const messages = own.batch === undefined ? valuesOf(own, group) : [batchBody(group, own.batch.format)];
  const lost = open.lost.then((reason) => Promise.reject(reason));
  try {
    const sent = messages.map((message) => (message === undefined ? undefined : send(open, own, message)));
    await Promise.race([Promise.all(sent), lost]);
    if (own.confirm === "pong") await open.ping();
  } catch (error) {
    const isOver = open.socket.readyState !== WebSocket.OPEN;
    const reason = isOver ? await open.lost : error;
    const sentence = `${shownEndpoint(own.endpoint)} did not take the records: ${reasonOf(reason)}`;
    if (reason instanceof SocketLost && REFUSALS.includes(reason.code)) throw recordsRefused(sentence);
    throw tryLater(sentence);
  }
}

function valuesOf(own: WebSocketSinkConfig, group: SinkGroup): readonly (Uint8Array | undefined)[] {
  return group.records.map((record) => {
    if (own["message-type"] !== "text" || isUtf8(record.value)) return record.value;
    group.refuse(record, "the value is not UTF-8, so it cannot be a text message");
    return undefined;
  });
}

function send({ socket }: OpenSocket, own: WebSocketSinkConfig, message: Uint8Array): Promise<void> {
  const type = own["message-type"];
  const binary = type === "binary" || (type === "auto" && !isUtf8(message));
  return new Promise((resolve, reject) => {
    socket.send(message, { binary }, (error) => (error ? reject(error) : resolve()));
  });
}
