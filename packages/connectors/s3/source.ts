import { setTimeout as sleep } from "node:timers/promises";
import { defineSource, field, keepTrying } from "fluvio/connector";
import { z } from "zod";
import { formatFields } from "../shared/formats/index.ts";
import { BucketReader } from "./bucket-reader.ts";
import { clientFields, s3Client } from "./client.ts";

const options = z.object({
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
export type S3SourceConfig = z.output<typeof options>;

/** What would take objects away unread, or read them again and again, is refused. */
const config = options.superRefine(({ after, start, prefix, "move-to": target }, context) => {
  const complain = (option: string, message: string) => context.addIssue({ code: "custom", path: [option], message });
  if (after !== "keep" && start === "end") {
    complain("start", `does not go with \`after: ${after}\`: objects would be taken away without having been read`);
  }
  if (after === "move" && target.startsWith(prefix)) {
    const place = JSON.stringify(target);
    complain("after", `would move objects to ${place}, which begins with the prefix: they would be read again`);
  }
});

/** Makes the lines, rows or JSON values of a bucket's objects records. */
export const connector = defineSource({
  name: "s3",
  version: "0.1.0",
  summary: "Makes the lines, rows or JSON values of a bucket's objects records",
  lagUnit: "objects",
  config,
  run: async (context) => {
    const { config: own, signal } = context;
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
