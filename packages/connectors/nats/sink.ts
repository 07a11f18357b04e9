import { JetStreamApiError, type JetStreamClient, type JetStreamManager, jetstreamManager } from "@nats-io/jetstream";
import { headers, type NatsConnection, PermissionViolationError, RequestError } from "@nats-io/transport-node";
import { defineSink, field, type SinkGroup, type SinkRecord, tryLater } from "fluvio/connector";
import { z } from "zod";
import { Link } from "../shared/link.ts";
import { reasonOf } from "../shared/reason.ts";
import { template } from "../shared/template.ts";
import { connectionFields, connectServers, shownServers } from "./connection.ts";
import { MessageIds } from "./message-ids.ts";
import { ensureStream } from "./stream.ts";
import { subjectProblem } from "./subjects.ts";

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
type NatsSinkConfig = z.output<typeof config>;

/** Publishes the records of a topic to NATS JetStream. */
export const connector = defineSink({
  name: "nats",
  version: "0.1.0",
  summary: "Publishes the records of a topic to NATS JetStream",
  config,
  run: async (context) => {
    const { config: own, deliver, name, logger } = context;
    if (own.create && own.stream === undefined) throw new Error("`create` needs the name of the stream: `stream`");
    const ids = new MessageIds(own["message-id"]);
    await using link = new Link<Target>(context, `connect to ${shownServers(own.url)}`, async () => {
      const connection = await connectServers(own, `fluvio-${name}`);
      try {
        const manager = await jetstreamManager(connection.client, { timeout: own.timeout });
        if (own.create) await ensureStream(manager, own.stream ?? "", own["stream-subjects"], logger);
        const client: Target = { connection: connection.client, manager, publisher: manager.jetstream() };
        return { ...connection, client };
      } catch (error) {
        await connection.close();
        throw error;
      }
    });
    await deliver(async (group) => publishAll(await link.use(), own, group, ids), { recordsMax: own["batch-size"] });
  },
});

interface Target {
  readonly connection: NatsConnection;
  readonly manager: JetStreamManager;
  readonly publisher: JetStreamClient;
}

async function publishAll(target: Target, own: NatsSinkConfig, group: SinkGroup, ids: MessageIds): Promise<void> {
  const results = await Promise.allSettled(group.records.map((record) => publish(target, own, group, record, ids)));
  // All are waited for: a repetition must not overtake what is still on its way.
  const failed = results.find((one) => one.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}

async function publish(
  target: Target,
  own: NatsSinkConfig,
  group: SinkGroup,
  record: SinkRecord,
  ids: MessageIds,
): Promise<void> {
  const filled = own.subject.fill(record);
  const id = ids.of(record);
  const missing = "missing" in filled ? filled.missing : "missing" in id ? id.missing : undefined;
  if ("missing" in filled || "missing" in id) {
    group.refuse(record, `subject or message id cannot be made: the record has ${missing}`);
    return;
  }
  const subject = filled.text;
  const problem = subjectProblem(subject);
  if (problem !== undefined) {
    group.refuse(record, `${JSON.stringify(subject)} is no subject: it ${problem}`);
    return;
  }
  const sizeBytesMax = target.connection.info?.max_payload ?? Number.POSITIVE_INFINITY;
  if (record.value.length > sizeBytesMax) {
    group.refuse(record, `the server takes no messages above ${sizeBytesMax} bytes`);
    return;
  }
  try {
    const options = { msgID: id.text, timeout: own.timeout, headers: messageHeaders(own, record) };
    await target.publisher.publish(subject, record.value, options);
  } catch (error) {
    const sentence = `${shownServers(own.url)} did not store a message for ${subject}: ${reasonOf(error)}`;
    if (!(await isRefusal(error, target, subject))) throw tryLater(sentence, { cause: error });
    group.refuse(record, sentence);
  }
}

function messageHeaders(own: NatsSinkConfig, record: SinkRecord) {
  const found = headers();
  for (const [name, value] of own.headers) found.append(name, value);
  const keyHeader = own["key-header"];
  // Line breaks would end the header.
  if (keyHeader !== undefined && record.key !== undefined) {
    found.set(keyHeader, new TextDecoder().decode(record.key).replaceAll(/[\r\n]+/g, " "));
  }
  return found;
}

/** Errors of the stream that are about this message: too large, or not what the stream expects. */
const REFUSALS: readonly number[] = [10_054, 10_060, 10_070, 10_071];

async function isRefusal(error: unknown, target: Target, subject: string): Promise<boolean> {
  const cause = error instanceof Error ? error.cause : undefined;
  if (error instanceof PermissionViolationError || cause instanceof PermissionViolationError) return true;
  if (error instanceof JetStreamApiError) return REFUSALS.includes(error.code);
  const noStream = error instanceof RequestError && error.isNoResponders();
  if (!noStream && !isNoResponders(error)) return false;
  // Nobody answers: because no stream has the subject, or because JetStream is away for a moment.
  try {
    for await (const _ of target.manager.streams.names(subject)) return false;
    return true;
  } catch {
    return false;
  }
}

function isNoResponders(error: unknown): boolean {
  return error instanceof Error && (error.name === "NoRespondersError" || error.name === "JetStreamNotEnabled");
}
