import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import type { ConnectorContext } from "fluvio/connector";
import { answer, problemOf } from "./client.ts";

/** What every object of a sink is written with, in S3's own words. */
export interface ObjectProperties {
  readonly Bucket: string;
  readonly ContentType: string;
  readonly StorageClass?: "STANDARD";
  readonly ServerSideEncryption?: "AES256";
  readonly SSEKMSKeyId?: string;
}

/** An object that is larger is sent in parts of this size. S3 wants 5 MiB or more, and takes 10 000 of them. */
const PART_SIZE_BYTES = 32 * 1024 * 1024;
/** Parts of one object are sent so many at a time. */
const PARTS_AT_ONCE = 4;
const ABORT_TIMEOUT_MS = 5000;

interface Limits {
  /** Of each request. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** Writes whole objects: another one of the key is there until the new one is complete. */
export class ObjectWriter {
  readonly #context: Pick<ConnectorContext<unknown>, "trouble" | "logger">;
  readonly #client: S3Client;
  readonly #properties: ObjectProperties;

  constructor(
    context: Pick<ConnectorContext<unknown>, "trouble" | "logger">,
    client: S3Client,
    properties: ObjectProperties,
  ) {
    this.#context = context;
    this.#client = client;
    this.#properties = properties;
  }

  /** @throws what S3 says against it, or that there was no answer: the object may be there all the same, whole */
  async write(key: string, body: Uint8Array, limits: Limits): Promise<void> {
    if (body.length > PART_SIZE_BYTES) {
      await this.#writeParts(key, body, limits);
      return;
    }
    const command = new PutObjectCommand({ ...this.#properties, Key: key, Body: body });
    await this.#ask(`put ${this.#shown(key)}`, limits, (abortSignal) => this.#client.send(command, { abortSignal }));
  }

  async #writeParts(key: string, body: Uint8Array, limits: Limits): Promise<void> {
    const begin = new CreateMultipartUploadCommand({ ...this.#properties, Key: key });
    const what = `put ${this.#shown(key)}`;
    const { UploadId } = await this.#ask(what, limits, (abortSignal) => this.#client.send(begin, { abortSignal }));
    const upload = { Bucket: this.#properties.Bucket, Key: key, UploadId };
    try {
      const Parts = await this.#sendParts(upload, body, limits);
      const end = new CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts } });
      await this.#ask(what, limits, (abortSignal) => this.#client.send(end, { abortSignal }));
    } catch (error) {
      await this.#abort(upload);
      throw error;
    }
  }

  async #sendParts(upload: Upload, body: Uint8Array, limits: Limits): Promise<CompletedPart[]> {
    const count = Math.ceil(body.length / PART_SIZE_BYTES);
    const sent: CompletedPart[] = [];
    // Of several that fail the others are not waited for.
    const giveUp = new AbortController();
    const signal = AbortSignal.any([limits.signal, giveUp.signal]);
    let next = 0;
    const sendSome = async (): Promise<void> => {
      while (next < count) {
        const index = next++;
        const part = body.subarray(index * PART_SIZE_BYTES, (index + 1) * PART_SIZE_BYTES);
        sent[index] = await this.#sendPart(upload, index + 1, part, { ...limits, signal });
      }
    };
    try {
      await Promise.all(Array.from({ length: PARTS_AT_ONCE }, sendSome));
    } finally {
      giveUp.abort();
    }
    return sent;
  }

  async #sendPart(upload: Upload, number: number, part: Uint8Array, limits: Limits): Promise<CompletedPart> {
    const command = new UploadPartCommand({ ...upload, PartNumber: number, Body: part });
    const what = `put part ${number} of ${this.#shown(upload.Key)}`;
    const { ETag, ChecksumCRC32 } = await this.#ask(what, limits, (abortSignal) =>
      this.#client.send(command, { abortSignal }),
    );
    // A checksum that the driver sent with the part is asked for again at the end.
    return { PartNumber: number, ETag, ...(ChecksumCRC32 === undefined ? {} : { ChecksumCRC32 }) };
  }

  /** Parts that stay behind would be paid for. The connector may be about to stop, so this has a time of its own. */
  async #abort(upload: Upload): Promise<void> {
    const abortSignal = AbortSignal.timeout(ABORT_TIMEOUT_MS);
    try {
      await this.#client.send(new AbortMultipartUploadCommand(upload), { abortSignal });
    } catch (error) {
      this.#context.logger.warn(
        { key: upload.Key, upload: upload.UploadId, problem: problemOf(error, ABORT_TIMEOUT_MS) },
        "parts of an object that was not completed stay at the server: a lifecycle rule for incomplete uploads removes them",
      );
    }
  }

  #ask<T>(what: string, limits: Limits, ask: (abortSignal: AbortSignal) => Promise<T>): Promise<T> {
    return answer(this.#context, what, limits, ask);
  }

  #shown(key: string): string {
    return `s3://${this.#properties.Bucket}/${key}`;
  }
}

interface Upload {
  readonly Bucket: string;
  readonly Key: string;
  readonly UploadId: string | undefined;
}
