import { defineSink, field, type SinkGroup, type SinkRecord, tryLater } from "fluvio/connector";
import type { Redis } from "ioredis";
import { z } from "zod";
import { Link } from "../shared/link.ts";
import { reasonOf } from "../shared/reason.ts";
import { optionalTemplate, parseTemplate } from "../shared/template.ts";
import { addCommand, type CommandOptions, isRefusal } from "./commands.ts";
import { connectionFields, connectRedis, shownRedis } from "./connection.ts";

const config = z.object({
  ...connectionFields,
  mode: field.oneOf(["set", "list", "stream", "pub"], {
    doc: "what a record becomes: the value of a key (SET), an entry of a list (RPUSH, LPUSH) or of a stream (XADD), or a message (PUBLISH)",
    default: "set",
  }),
  target: optionalTemplate({
    doc: "key, list, stream or channel of a record; by default `{{key}}` for `set`, else `{{topic}}`",
    aliases: ["redis-key", "list", "stream", "channel"],
  }),
  ttl: field.optionalParsed("a duration such as 10s, 1m or 150ms", parseTtl, {
    doc: "how long a value stays (`set`)",
    kind: "duration",
  }),
  push: field.oneOf(["left", "right"], { doc: "end of the list that entries are put to (`list`)", default: "right" }),
  "max-length": field.optionalParsed("a whole number from 1 on", parseCount, {
    doc: "how many entries a list keeps, and a stream about (`MAXLEN ~`)",
    kind: "integer",
  }),
  "value-field": field.text({ doc: "field of a stream's entry for the record's value", default: "value" }),
  "key-field": field.text({ doc: "field of a stream's entry for the record's key, where it has one", default: "key" }),
  "batch-size": field.integer({ doc: "records that are sent together at most", default: "500", min: 1, max: 10_000 }),
});
type RedisSinkConfig = z.output<typeof config>;

/** Writes the records of a topic to Redis. */
export const connector = defineSink({
  name: "redis",
  version: "0.1.0",
  summary: "Writes the records of a topic to Redis: keys, lists, streams or channels",
  config,
  run: async (context) => {
    const { config: own, deliver, name } = context;
    const options = commandOptions(own);
    const what = `connect to ${shownRedis(own)}`;
    await using link = new Link<Redis>(context, what, () => connectRedis(own, `fluvio-${name}`));
    const written = new WeakSet<SinkRecord>();
    await deliver(async (group) => write(await link.use(), own, options, group, written), {
      recordsMax: own["batch-size"],
    });
  },
});

function parseTtl(text: string): number | undefined {
  const ttlMs = field.duration({ doc: "", minMs: 1 }).safeParse(text);
  return ttlMs.success ? Math.round(ttlMs.data) : undefined;
}

function parseCount(text: string): number | undefined {
  const count = /^\d{1,15}$/.test(text.trim()) ? Number(text) : 0;
  return count > 0 ? count : undefined;
}

function commandOptions(own: RedisSinkConfig): CommandOptions {
  const byDefault = parseTemplate(own.mode === "set" ? "{{key}}" : "{{topic}}");
  const key = own.target ?? byDefault;
  if (key === undefined) throw new Error("the default template can be read");
  return {
    mode: own.mode,
    key,
    ttlMs: own.ttl,
    push: own.push,
    lengthMax: own["max-length"],
    valueField: own["value-field"],
    keyField: own["key-field"],
  };
}

/**
 * Sends the commands of a group in one pipeline.
 * @param written what an earlier attempt has written, though other records of the group failed: not written twice
 */
async function write(
  client: Redis,
  own: RedisSinkConfig,
  options: CommandOptions,
  group: SinkGroup,
  written: WeakSet<SinkRecord>,
): Promise<void> {
  const pipeline = client.pipeline();
  /** The record of each command. */
  const commands: SinkRecord[] = [];
  for (const record of group.records) {
    if (written.has(record)) continue;
    const added = addCommand(pipeline, record, options);
    if (typeof added !== "number") group.refuse(record, added.problem);
    else for (let one = 0; one < added; one++) commands.push(record);
  }
  if (commands.length === 0) return;
  let replies: Awaited<ReturnType<typeof pipeline.exec>>;
  try {
    replies = await pipeline.exec();
  } catch (cause) {
    throw tryLater(`${shownRedis(own)} did not answer: ${reasonOf(cause)}`, { cause });
  }
  let passing: Error | undefined;
  const refused = new Map<SinkRecord, Error>();
  for (const [index, [error]] of (replies ?? []).entries()) {
    const record = commands[index] as SinkRecord;
    if (error === null) written.add(record);
    else if (isRefusal(error)) refused.set(record, error);
    else passing ??= error;
  }
  for (const [record, error] of refused) {
    written.delete(record);
    group.refuse(record, `${shownRedis(own)} refused it: ${error.message}`);
  }
  if (passing !== undefined) throw tryLater(`${shownRedis(own)}: ${reasonOf(passing)}`, { cause: passing });
}
