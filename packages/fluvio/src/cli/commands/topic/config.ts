import { z } from "zod";
import { type CreateTopicOptions, parseDurationMs, parseSizeBytes } from "../../../client/index.ts";
import { flvError } from "../../../protocol/index.ts";
import { parseYamlText } from "../../files.ts";
import { parseRetentionSeconds, parseTopicCompression } from "./values.ts";

const amount = z.union([z.number().int().nonnegative(), z.string()]);
const positive = z.number().int().min(1);

const TopicFile = z.strictObject({
  version: z.string().optional(),
  meta: z.strictObject({ name: z.string() }),
  partition: z
    .strictObject({
      count: positive.optional(),
      replication: positive.optional(),
      "max-size": amount.optional(),
      "ignore-rack-assignment": z.boolean().optional(),
      maps: z.array(z.strictObject({ id: z.number().int(), replicas: z.array(z.number().int()) })).optional(),
    })
    .optional(),
  retention: z.strictObject({ time: z.string().optional(), "segment-size": amount.optional() }).optional(),
  compression: z.strictObject({ type: z.string() }).optional(),
  deduplication: z
    .strictObject({
      bounds: z.strictObject({ count: positive, age: z.string().optional() }),
      filter: z.strictObject({
        transform: z.strictObject({ uses: z.string(), with: z.record(z.string(), z.string()).optional() }),
      }),
    })
    .optional(),
});

interface TopicConfig {
  readonly name: string;
  readonly options: CreateTopicOptions;
}

/** Reads a topic configuration file (YAML). @throws FLV_ARGUMENT naming the offending key */
export async function parseTopicConfig(text: string, path: string): Promise<TopicConfig> {
  const parsed = TopicFile.safeParse(await parseYamlText(text, path));
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const where = issue === undefined || issue.path.length === 0 ? "" : ` at ${issue.path.join(".")}`;
    throw flvError("FLV_ARGUMENT", `Invalid topic configuration "${path}"${where}: ${issue?.message ?? ""}`, {
      details: { file: path, key: issue?.path.join(".") },
    });
  }
  const { meta, partition, retention, compression, deduplication } = parsed.data;
  const retentionSeconds = retention?.time === undefined ? undefined : parseRetentionSeconds(retention.time);
  const options: CreateTopicOptions = {
    ...(partition?.count === undefined ? {} : { partitions: partition.count }),
    ...(partition?.replication === undefined ? {} : { replicationFactor: partition.replication }),
    ...(partition?.["ignore-rack-assignment"] === undefined
      ? {}
      : { ignoreRackAssignment: partition["ignore-rack-assignment"] }),
    ...(partition?.maps === undefined ? {} : { assignment: partition.maps }),
    ...(partition?.["max-size"] === undefined ? {} : { maxPartitionSizeBytes: sizeBytes(partition["max-size"]) }),
    ...(retentionSeconds === undefined ? {} : { retentionSeconds }),
    ...(retention?.["segment-size"] === undefined ? {} : { segmentSizeBytes: sizeBytes(retention["segment-size"]) }),
    ...(compression === undefined ? {} : { compression: parseTopicCompression(compression.type) }),
    ...(deduplication === undefined ? {} : { deduplication: deduplicationOf(deduplication) }),
  };
  return { name: meta.name, options };
}

function deduplicationOf(
  section: NonNullable<z.infer<typeof TopicFile>["deduplication"]>,
): NonNullable<CreateTopicOptions["deduplication"]> {
  const { bounds, filter } = section;
  return {
    count: bounds.count,
    ...(bounds.age === undefined ? {} : { ageMs: parseDurationMs(bounds.age) }),
    uses: filter.transform.uses,
    ...(filter.transform.with === undefined ? {} : { with: filter.transform.with }),
  };
}

function sizeBytes(amountGiven: number | string): number {
  return typeof amountGiven === "number" ? amountGiven : parseSizeBytes(amountGiven);
}
