import { S3Client, type S3ClientConfig } from "@aws-sdk/client-s3";
import { type ConnectorContext, field } from "fluvio/connector";
import { z } from "zod";
import { reasonOf } from "../shared/reason.ts";
import { loadTls, tlsFields } from "../shared/tls.ts";

/** Options of both directions. */
export const clientFields = {
  bucket: field.text({ doc: "name of the bucket" }),
  region: field.optionalText({
    doc: "region of the bucket; by default that of the environment, `us-east-1` with an `endpoint`",
  }),
  endpoint: field.optionalParsed("an http or https URL", httpUrl, {
    doc: "URL of an S3-compatible server; by default Amazon's of the region",
    kind: "URL",
  }),
  "path-style": field.optionalParsed(
    "true or false",
    (text) => (text === "true" ? true : text === "false" ? false : undefined),
    {
      doc: "puts the bucket's name into the path and not into the host name; by default with an `endpoint`",
      kind: "true or false",
      aliases: ["force-path-style"],
    },
  ),
  "access-key-id": field.optionalText({
    doc: "access key; by default credentials are looked for where Amazon's tools do: environment, profile files, roles",
    isSecret: true,
  }),
  "secret-access-key": field.optionalText({ doc: "the secret that belongs to it", isSecret: true }),
  "session-token": field.optionalText({ doc: "token of passing credentials", isSecret: true }),
  ca: tlsFields.ca,
  timeout: field.duration({
    doc: "longest wait for an answer, or for the next bytes of one",
    default: "30s",
    minMs: 1,
  }),
};
const schema = z.object(clientFields);
export type ClientOptions = z.output<typeof schema>;

function httpUrl(text: string): URL | undefined {
  const url = new URL(text);
  return url.protocol === "http:" || url.protocol === "https:" ? url : undefined;
}

/** A client that asks once: who uses it decides when to try again, and says so. Close it with `destroy`. */
export async function s3Client(options: ClientOptions): Promise<S3Client> {
  const { endpoint, timeout } = options;
  const accessKeyId = options["access-key-id"];
  const secretAccessKey = options["secret-access-key"];
  const sessionToken = options["session-token"];
  const region = options.region ?? (endpoint === undefined ? undefined : "us-east-1");
  const { ca } = await loadTls({ ca: options.ca, cert: undefined, key: undefined });
  const config: S3ClientConfig = {
    maxAttempts: 1,
    requestHandler: {
      connectionTimeout: timeout,
      ...(ca === undefined ? {} : { httpsAgent: { ca } }),
    },
    forcePathStyle: options["path-style"] ?? endpoint !== undefined,
    ...(region === undefined ? {} : { region }),
    // Other servers do not know all of Amazon's checksums.
    ...(endpoint === undefined
      ? {}
      : { endpoint: endpoint.href, requestChecksumCalculation: "WHEN_REQUIRED" as const }),
    ...(accessKeyId === undefined || secretAccessKey === undefined
      ? {}
      : { credentials: { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) } }),
  };
  return new S3Client(config);
}

/** An answer that takes longer is said to be in the way, though it is still waited for. */
const LATE_MS = 3000;

/**
 * Waits for an answer of S3, as long as `timeoutMs`. Before the time is up the connector's state says what is waited for;
 * whoever goes on says that nothing is in the way any more.
 * @param signal given up when it aborts
 */
export async function answer<T>(
  { trouble }: Pick<ConnectorContext<unknown>, "trouble">,
  what: string,
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal: AbortSignal },
  ask: (abortSignal: AbortSignal) => Promise<T>,
): Promise<T> {
  const given = new AbortController();
  const stop = () => given.abort(signal.reason);
  if (signal.aborted) stop();
  signal.addEventListener("abort", stop, { once: true });
  const late = setTimeout(() => trouble(`${what}: no answer for ${LATE_MS / 1000} s`), LATE_MS);
  const tooLate = setTimeout(() => given.abort(), timeoutMs);
  try {
    return await ask(given.signal);
  } finally {
    clearTimeout(late);
    clearTimeout(tooLate);
    signal.removeEventListener("abort", stop);
  }
}

/** What S3 calls an error, such as `NoSuchBucket`; empty when it is none of S3's. */
export function errorCode(error: unknown): string {
  return error instanceof Error && "$metadata" in error ? error.name : "";
}

/** An error in one line, with the name that S3 has for it. */
export function problemOf(error: unknown, timeoutMs: number): string {
  const name = errorCode(error);
  if (error instanceof Error && /^(Abort|Timeout)Error$/.test(error.name)) return `no answer within ${timeoutMs} ms`;
  if (name === "" || !(error instanceof Error)) return reasonOf(error);
  const message = error.message === "UnknownError" ? "" : error.message;
  return message === "" ? name : `${name}: ${message}`;
}
