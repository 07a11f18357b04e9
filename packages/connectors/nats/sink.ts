import { jetstreamManager } from "@nats-io/jetstream";
import { defineSink, field } from "fluvio/connector";
import { z } from "zod";
import { Link } from "../shared/link.ts";
import { template } from "../shared/template.ts";
import { connectionFields, connectServers, shownServers } from "./connection.ts";
import { Publisher, type PublishTarget } from "./publisher.ts";
import { ensureStream } from "./stream.ts";

const config = z.object({
  ...connectionFields,
  subject: template({ doc: "subject of a record, such as `orders.{{key}}`" }),
  stream: field.optionalText({ doc: "name of the stream, for `create`" }),
  create: field.flag({ doc: "make the stream, for `stream-subjects`, when there is none", default: "false" }),
  "stream-subjects": field.texts({ doc: "subjects of a stream that is made, such as `orders.>`", default: ">" }),
  "message-id": template({
    doc: "what tells a repeated message: the stream drops one whose id it has seen within its `duplicate_window`",
    default: "{{topic}}-{{partition}}-{{offset}}",
  }),
  headers: field.pairs({ doc: "headers of every message, `Name: value`", aliases: ["header"] }),
  "key-header": field.optionalText({ doc: "name of a header for the key of the record; without it keys are not sent" }),
  "batch-size": field.integer({
    doc: "records that are on their way to the server at once",
    default: "256",
    min: 1,
    max: 10_000,
  }),
});

/** Publishes the records of a topic to NATS JetStream. */
export const connector = defineSink({
  name: "nats",
  version: "0.1.0",
  summary: "Publishes the records of a topic to NATS JetStream",
  config,
  run: async (context) => {
    const { config: own, deliver, name, logger } = context;
    if (own.create && own.stream === undefined) throw new Error("`create` needs the name of the stream: `stream`");
    const publisher = new Publisher({ ...own, shown: shownServers(own.url) });
    await using link = new Link<PublishTarget>(context, `connect to ${shownServers(own.url)}`, async () => {
      const connection = await connectServers(own, `fluvio-${name}`);
      try {
        const manager = await jetstreamManager(connection.client, { timeout: own.timeout });
        if (own.create) await ensureStream(manager, own.stream ?? "", own["stream-subjects"], logger);
        const client: PublishTarget = { connection: connection.client, manager, publisher: manager.jetstream() };
        return { ...connection, client };
      } catch (error) {
        await connection.close();
        throw error;
      }
    });
    await deliver(async (group) => publisher.publish(await link.use(), group), { recordsMax: own["batch-size"] });
  },
});
