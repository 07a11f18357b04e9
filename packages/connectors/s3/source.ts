import { setTimeout as sleep } from "node:timers/promises";
import { connectorStopped, defineSource, field, keepTrying } from "fluvio/connector";
import { z } from "zod";
import { formatFields } from "../shared/formats/index.ts";
import { BucketReader } from "./bucket-reader.ts";
import { clientFields, s3Client } from "./client.ts";

const config = z.object({
  ...clientFields,
  prefix: field.text({ doc: "what the keys of the objects begin with", default: "" }),
  suffix: field.optionalTexts({ doc: "what they end with, such as `.json` or `.csv.gz`" }),
  ...formatFields,
  order: field.oneOf(["key", "modified"], {
    doc: "`key`: new objects are those with a key behind the last one; `modified`: those that were written or overwritten since",
    default: "key",
  }),
  "late-by": field.duration({
    doc: "with `order: modified`: how much later than another an object may show although it was written before",
    default: "10m",
  }),
  start: field.oneOf(["beginning", "end"], {
    doc: "whether the objects that are there at the first start are read",
    default: "beginning",
  }),
  follow: field.flag({ doc: "goes on with new objects; `false` ends when all are read", default: "true" }),
  "poll-interval": field.duration({ doc: "how often new objects are looked for", default: "10s", minMs: 10 }),
  after: field.oneOf(["keep", "delete", "move"], {
    doc: "what becomes of an object whose records are all stored in the cluster",
    default: "keep",
  }),
  "move-to": field.text({ doc: "what `after: move` puts before the key, such as `done/`", default: "done/" }),
});
export type S3SourceConfig = z.output<typeof config>;

/** Makes the lines, rows or JSON values of a bucket's objects records. */
export const connector = defineSource({
  name: "s3",
  version: "0.1.0",
  summary: "Makes the lines, rows or JSON values of a bucket's objects records",
  config,
  run: async (context) => {
    const { config: own, signal } = context;
    if (own.after === "move" && own["move-to"].startsWith(own.prefix)) {
      const sentence = `objects moved to ${JSON.stringify(own["move-to"])} would be read again: they begin with the prefix ${JSON.stringify(own.prefix)}`;
      throw connectorStopped(sentence, "choose a `prefix` and a `move-to` that do not begin with it");
    }
    const client = await s3Client(own);
    let wake = new AbortController();
    const reader = new BucketReader(context, client, () => wake.abort());
    try {
      await keepTrying(context, `read s3://${own.bucket}`, async (works) => {
        for (;;) {
          wake = new AbortController();
          const isDone = await reader.round(works);
          if (signal.aborted || (isDone && !own.follow)) return;
          await sleep(own["poll-interval"], undefined, { signal: AbortSignal.any([signal, wake.signal]) }).catch(() => {
            // The end of the pause; the loop sees why.
          });
        }
      });
    } finally {
      reader.keep();
      client.destroy();
    }
  },
});
