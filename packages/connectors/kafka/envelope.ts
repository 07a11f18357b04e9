import { isUtf8 } from "node:buffer";

/** A record of Kafka as JSON, for topics whose records have headers that must not be lost. */
export interface EnvelopeParts {
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly (readonly [Uint8Array | null, Uint8Array | null])[];
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** Milliseconds since 1970. */
  readonly timestamp: number;
}

type HeaderValue = string | null | { readonly base64: string };

/**
 * `{key, value, headers, topic, partition, offset, timestamp}`. A key or value that is not UTF-8 is there as `keyBase64` or
 * `valueBase64`; a header that comes several times is a list, one that is not UTF-8 is `{"base64":"…"}`.
 */
export function envelope(record: EnvelopeParts): string {
  const headers = new Map<string, HeaderValue | HeaderValue[]>();
  for (const [name, value] of record.headers) {
    const key = Buffer.from(name ?? []).toString();
    const before = headers.get(key);
    const now = headerValue(value);
    headers.set(key, before === undefined ? now : Array.isArray(before) ? [...before, now] : [before, now]);
  }
  const { topic, partition, offset, timestamp } = record;
  return JSON.stringify({
    ...textOrBase64("key", record.key),
    ...textOrBase64("value", record.value),
    headers: Object.fromEntries(headers),
    topic,
    partition,
    offset,
    timestamp,
  });
}

function headerValue(value: Uint8Array | null): HeaderValue {
  if (value === null) return null;
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  return isUtf8(bytes) ? bytes.toString() : { base64: bytes.toString("base64") };
}

function textOrBase64(name: string, value: Uint8Array | null): Readonly<Record<string, string | null>> {
  const found = headerValue(value);
  return typeof found === "object" && found !== null ? { [`${name}Base64`]: found.base64 } : { [name]: found };
}
