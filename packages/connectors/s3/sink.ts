import { defineSink, field, recordsRefused, type SinkContext, type SinkGroup, tryLater } from "fluvio/connector";
import { z } from "zod";
import { CONTENT_TYPES, columnsField, DOCUMENT_FORMATS, encodeDocument, extensionOf } from "../shared/formats/index.ts";
import { clientFields, errorCode, problemOf, s3Client } from "./client.ts";
import { ObjectCutter, type ObjectToWrite } from "./object-cutter.ts";
import { parseObjectPath } from "./object-path.ts";
import { type ObjectProperties, ObjectWriter } from "./object-writer.ts";

const rotate = {
  size: field.byteSize({ doc: "keys and values in one object at most; so much is held in memory", default: "16MiB" }),
  records: field.integer({ doc: "records in one object at most", default: "100000", min: 1, max: 10_000_000 }),
  interval: field.duration({ doc: "how long an object waits for more records", default: "60s" }),
};
const ROTATE_DEFAULTS = z.object(rotate).parse({});

const config = z.object({
  ...clientFields,
  path: field.parsed("a path with {{partition}} and {{offset}} in it", parseObjectPath, {
    doc: "keys of the objects. Besides parts of the record (`{{value.country}}`) it can have `{{yyyy}}`, `{{MM}}`, `{{dd}}`, `{{HH}}`, `{{mm}}` of its time (UTC) and `{{extension}}`",
    default: "{{topic}}/dt={{yyyy}}-{{MM}}-{{dd}}/{{partition}}-{{offset}}.{{extension}}",
    kind: "template",
  }),
  format: field.oneOf(DOCUMENT_FORMATS, { doc: "form of the objects", default: "ndjson" }),
  compression: field.oneOf(["none", "gzip"], {
    doc: "of ndjson, lines and csv; parquet is packed in itself",
    default: "none",
  }),
  columns: columnsField,
  rotate: field.map(rotate, { doc: "when an object is written" }),
  "storage-class": field.optionalText({ doc: "storage class of the objects, such as `STANDARD_IA`" }),
  encryption: field.optionalText({ doc: "encryption at the server: `AES256` or `aws:kms`" }),
  "kms-key": field.optionalText({ doc: "key of `aws:kms`" }),
});
type S3SinkConfig = z.output<typeof config>;

/** Objects are sent so many at a time. */
const PUTS_AT_ONCE = 4;

/** Writes records as objects of a bucket. */
export const connector = defineSink({
  name: "s3",
  version: "0.1.0",
  summary: "Writes records as objects of a bucket: lines, JSON, CSV or Parquet",
  config,
  run: async (context) => {
    const { config: own, deliver, logger } = context;
    const { size, records, interval } = own.rotate ?? ROTATE_DEFAULTS;
    const client = await s3Client(own);
    const writer = new ObjectWriter(context, client, properties(own));
    const cutter = new ObjectCutter(own.path, own);
    const write = async (group: SinkGroup, signal: AbortSignal): Promise<void> => {
      const objects = cutter.cut(group);
      for (let at = 0; at < objects.length; at += PUTS_AT_ONCE) {
        await Promise.all(objects.slice(at, at + PUTS_AT_ONCE).map((object) => put(context, writer, object, signal)));
      }
      cutter.written(group);
      for (const { key, pieces } of objects) logger.debug({ key, records: pieces.length }, "wrote an object");
    };
    try {
      await deliver(write, { recordsMax: records, sizeBytesMax: size, lingerMs: interval });
    } finally {
      client.destroy();
    }
  },
});

/** What S3 will never take, whatever is changed at its side. */
const REFUSALS = ["EntityTooLarge", "KeyTooLongError"];

async function put(
  { config: own }: SinkContext<S3SinkConfig>,
  writer: ObjectWriter,
  { key, pieces }: ObjectToWrite,
  signal: AbortSignal,
): Promise<void> {
  try {
    await writer.write(key, await encodeDocument(pieces, own), { timeoutMs: own.timeout, signal });
  } catch (error) {
    if (signal.aborted) throw error;
    const sentence = `put s3://${own.bucket}/${key}: ${problemOf(error, own.timeout)}`;
    throw REFUSALS.includes(errorCode(error)) ? recordsRefused(sentence) : tryLater(sentence);
  }
}

function properties(own: S3SinkConfig): ObjectProperties {
  return {
    Bucket: own.bucket,
    // Of packed objects too: an encoding would make clients unpack what the name says is packed.
    ContentType: extensionOf(own).endsWith(".gz") ? "application/gzip" : CONTENT_TYPES[own.format],
    ...(own["storage-class"] === undefined ? {} : { StorageClass: own["storage-class"] as "STANDARD" }),
    ...(own.encryption === undefined ? {} : { ServerSideEncryption: own.encryption as "AES256" }),
    ...(own["kms-key"] === undefined ? {} : { SSEKMSKeyId: own["kms-key"] }),
  };
}
