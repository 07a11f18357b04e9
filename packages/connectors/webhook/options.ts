import { field } from "fluvio/connector";
import { z } from "zod";
import { signatureField } from "./signature.ts";

const tls = field.map(
  {
    cert: field.pem({ doc: "certificate: PEM text or a file" }),
    key: field.pem({ doc: "its private key: PEM text or a file", isSecret: true }),
  },
  { doc: "answers over https" },
);

/** Options of the webhook source. */
export const webhookConfig = z.object({
  port: field.integer({
    doc: "port that it listens on; `0` picks a free one, which the log tells",
    min: 0,
    max: 65_535,
  }),
  host: field.text({ doc: "address that it listens on", default: "0.0.0.0" }),
  path: field.parsed("a path such as /hooks", folder, {
    doc: "path of the URL; what is below belongs to it",
    kind: "path",
    default: "/",
  }),
  methods: field.texts({ doc: "HTTP methods that are taken", default: "POST" }),
  signature: signatureField,
  answer: field.oneOf(["stored", "queued"], {
    doc: "when a request is answered: `stored`: the cluster has the record (200); `queued`: it is on its way (202), and may be lost",
    default: "stored",
  }),
  "answer-timeout": field.duration({
    doc: "how long the cluster may take; then the answer is 503, and the sender should send again",
    default: "5s",
    minMs: 1,
  }),
  outputParts: field.oneOf(["body", "full"], {
    doc: "`full` puts the headers into the record too",
    default: "body",
    aliases: ["output-parts"],
  }),
  outputType: field.oneOf(["text", "json"], { doc: "form of the record", default: "text", aliases: ["output-type"] }),
  outputUri: field.oneOf(["none", "full", "path", "query"], {
    doc: "what of the URL is put into the record: the path below `path`, the query, or both (`full`)",
    default: "none",
    aliases: ["output-uri"],
  }),
  "max-body-size": field.byteSize({ doc: "larger requests are answered with 413", default: "1MB" }),
  "max-pending-size": field.byteSize({
    doc: "requests that are held at once; what is more is answered with 503",
    default: "64MB",
  }),
  "rate-limit": field.optionalParsed("a whole number above 0", count, {
    doc: "requests per second; what is more is answered with 429",
    kind: "integer",
  }),
  timeout: field.duration({ doc: "how long a sender may take for a request", default: "30s", minMs: 1 }),
  tls,
});

export type WebhookConfig = z.output<typeof webhookConfig>;

/** Without a slash at its end: `/` is the empty text. */
function folder(text: string): string | undefined {
  return /^\/[^?#\s]*$/.test(text) ? text.replace(/\/+$/, "") : undefined;
}

function count(text: string): number | undefined {
  return /^[1-9]\d{0,8}$/.test(text.trim()) ? Number(text) : undefined;
}
