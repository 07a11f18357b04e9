import type { Readable } from "node:stream";
import { pipeline } from "node:stream";
import { createGunzip } from "node:zlib";
import { GetObjectCommand, type S3Client } from "@aws-sdk/client-s3";
import type { ConnectorContext } from "fluvio/connector";
import { type Decoded, type FormatOptions, recordDecoder } from "../shared/formats/index.ts";
import { answer } from "./client.ts";
import type { ObjectPlace } from "./source-position.ts";

export interface ReadObjectOptions {
  readonly client: S3Client;
  readonly bucket: string;
  readonly format: FormatOptions;
  readonly timeoutMs: number;
  readonly context: Pick<ConnectorContext<unknown>, "signal" | "trouble">;
  /** Takes records; resolves when there is room for more. `place` is behind them. */
  take(decoded: Decoded, place: ObjectPlace): Promise<void>;
}

/**
 * Reads an object from a place to its end. A piece is asked for when the one before is taken.
 * @param sizeBytes of the whole object
 * @returns whether the end was reached; otherwise the signal aborted
 * @throws what S3 says, or why the bytes did not come: go on at the last place that was taken
 */
export async function readObject(from: ObjectPlace, sizeBytes: number, options: ReadObjectOptions): Promise<boolean> {
  const { format, context, take } = options;
  const { signal } = context;
  const decoder = recordDecoder(format, from);
  const { key, etag } = from;
  let isPacked = from.isPacked === true;
  const place = (): ObjectPlace => ({ ...decoder.place, key, etag, ...(isPacked ? { isPacked } : {}) });
  // What is packed can only be read from the beginning.
  const isRest = from.offset > 0 && !isPacked;
  if (sizeBytes > (isRest ? from.offset : 0)) {
    const { body, encoding } = await open(from, isRest, options);
    isPacked ||= encoding === "gzip" || key.endsWith(".gz");
    let skipBytes = isPacked ? from.offset : 0;
    const unpacked = isPacked ? pipeline(body, createGunzip(), () => {}) : body;
    try {
      for await (const chunk of pieces(unpacked, body, key, options)) {
        if (signal.aborted) return false;
        const fresh = chunk.subarray(Math.min(skipBytes, chunk.length));
        skipBytes -= chunk.length - fresh.length;
        if (fresh.length === 0) continue;
        const decoded = decoder.push(fresh);
        await take(decoded, place());
      }
    } finally {
      body.destroy();
    }
  }
  if (signal.aborted) return false;
  const decoded = decoder.end();
  await take(decoded, place());
  return true;
}

async function open({ key, etag, offset }: ObjectPlace, isRest: boolean, options: ReadObjectOptions) {
  const { client, bucket, timeoutMs, context } = options;
  const command = new GetObjectCommand({
    Bucket: bucket,
    Key: key,
    // The listing of some servers has no tags.
    ...(etag === "" ? {} : { IfMatch: etag }),
    ...(isRest ? { Range: `bytes=${offset}-` } : {}),
  });
  const limits = { timeoutMs, signal: context.signal };
  const { Body, ContentEncoding } = await answer(context, `get ${key}`, limits, (abortSignal) =>
    client.send(command, { abortSignal }),
  );
  if (Body === undefined) throw new Error(`${key} has no body`);
  return { body: Body as Readable, encoding: ContentEncoding };
}

/** The pieces of a stream; one that does not come in time breaks the stream off. */
async function* pieces(
  unpacked: Readable,
  body: Readable,
  key: string,
  { timeoutMs, context }: Pick<ReadObjectOptions, "timeoutMs" | "context">,
): AsyncGenerator<Uint8Array> {
  const iterator = unpacked[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  const limits = { timeoutMs, signal: context.signal };
  for (;;) {
    const next = await answer(context, `get ${key}`, limits, async (abortSignal) => {
      const late = () => body.destroy(new Error(`no bytes within ${timeoutMs} ms`));
      abortSignal.addEventListener("abort", late, { once: true });
      try {
        return await iterator.next();
      } finally {
        abortSignal.removeEventListener("abort", late);
      }
    });
    if (next.done === true) return;
    yield next.value;
  }
}
