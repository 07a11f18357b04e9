import { CopyObjectCommand, DeleteObjectCommand, ListObjectsV2Command, type S3Client } from "@aws-sdk/client-s3";
import type { SourceContext } from "fluvio/connector";
import { handOver } from "../shared/formats/index.ts";
import { answer, errorCode, problemOf } from "./client.ts";
import { readObject } from "./object-reader.ts";
import type { S3SourceConfig } from "./source.ts";
import {
  fromPosition,
  KeyLedger,
  type Ledger,
  type ListedObject,
  type ObjectPlace,
  TakingLedger,
  TimeLedger,
  toPosition,
} from "./source-position.ts";

/** Within an object a position is kept after so many bytes. */
const CHECKPOINT_SIZE_BYTES = 1024 * 1024;

/** Reads the objects of a bucket that were not read yet, round by round. */
export class BucketReader {
  readonly #context: SourceContext<S3SourceConfig>;
  readonly #client: S3Client;
  readonly #ledger: Ledger;
  readonly #wake: () => void;
  /** Objects that are read; their records are not stored yet. */
  readonly #unstored = new Set<string>();
  #current: ObjectPlace | undefined;
  #isFirstRound: boolean;
  #sinceCheckpointBytes = 0;
  /** Objects that are listed and not read. */
  #waiting = 0;

  /** @param wake asks for another round */
  constructor(context: SourceContext<S3SourceConfig>, client: S3Client, wake: () => void) {
    const { config, position } = context;
    this.#context = context;
    this.#client = client;
    this.#wake = wake;
    const { ledger, current } = fromPosition(position);
    this.#current = current;
    this.#isFirstRound = position === undefined;
    if (config.after !== "keep") this.#ledger = new TakingLedger(ledger, config.order === "key");
    else this.#ledger = config.order === "key" ? new KeyLedger(ledger) : new TimeLedger(ledger, config["late-by"]);
  }

  /**
   * @param works called whenever S3 gives what it was asked for
   * @returns whether nothing is left to do
   * @throws what S3 says; the next round goes on where this one was
   */
  async round(works: () => void): Promise<boolean> {
    const { signal, config } = this.#context;
    if (this.#isFirstRound) await this.#begin();
    if (this.#ledger.isByKey) {
      for await (const page of this.#pages()) {
        this.#tellWaiting(page.filter((object) => this.#ledger.isNew(object)).length);
        for (const object of page) await this.#deal(object, works);
      }
    } else {
      const objects: ListedObject[] = [];
      for await (const page of this.#pages()) {
        for (const object of page) if (this.#concerns(object)) objects.push(object);
      }
      this.#tellWaiting(objects.filter((object) => this.#ledger.isNew(object)).length);
      objects.sort((a, b) => a.modifiedMs - b.modifiedMs || (a.key < b.key ? -1 : 1));
      for (const object of objects) await this.#deal(object, works);
    }
    if (signal.aborted) return false;
    this.#tellWaiting(0);
    works();
    return config.after === "keep" || this.#unstored.size === 0;
  }

  /** Of a listing in the order of keys the pages that follow are not known yet. */
  #tellWaiting(objects: number): void {
    this.#waiting = objects;
    this.#context.lag(objects);
  }

  /** Keeps what a run had in hand when it ends. */
  keep(): void {
    if (this.#sinceCheckpointBytes > 0) this.#checkpoint();
  }

  /** Before the first round: what is there already is passed over, if that is asked for. */
  async #begin(): Promise<void> {
    const { config, logger } = this.#context;
    if (config.start === "end") {
      for await (const page of this.#pages()) for (const object of page) this.#ledger.add(object);
    }
    this.#isFirstRound = false;
    this.#checkpoint();
    logger.info({ bucket: config.bucket, prefix: config.prefix, start: config.start }, "begins to read");
  }

  /** Whether something is to be done with an object: it is new, or is to be put away. */
  #concerns(object: ListedObject): boolean {
    return this.#context.config.after !== "keep" || this.#ledger.isNew(object);
  }

  async #deal(object: ListedObject, works: () => void): Promise<void> {
    const { config, signal } = this.#context;
    if (signal.aborted) return;
    if (this.#ledger.isNew(object)) await this.#read(object, works);
    else if (config.after !== "keep" && !this.#unstored.has(object.key)) await this.#putAway(object);
  }

  async #read(object: ListedObject, works: () => void): Promise<void> {
    const { config, logger } = this.#context;
    const { key, etag, sizeBytes } = object;
    const isResumed = this.#current?.key === key && this.#current.etag === etag;
    const from = isResumed && this.#current !== undefined ? this.#current : { key, etag, offset: 0 };
    logger.debug({ key, sizeBytes, offset: from.offset }, "reads an object");
    const isWhole = await this.#asked(`get ${key}`, () =>
      readObject(from, sizeBytes, {
        client: this.#client,
        bucket: config.bucket,
        format: config,
        timeoutMs: config.timeout,
        context: this.#context,
        take: async (decoded, place) => {
          works();
          this.#sinceCheckpointBytes += await handOver(this.#context, key, decoded);
          this.#current = place;
          if (this.#sinceCheckpointBytes >= CHECKPOINT_SIZE_BYTES) this.#checkpoint();
        },
      }),
    );
    if (!isWhole) return;
    this.#current = undefined;
    this.#ledger.add(object);
    this.#unstored.add(key);
    this.#tellWaiting(this.#waiting - 1);
    logger.info({ key, sizeBytes }, "an object is read");
    this.#checkpoint(() => {
      this.#unstored.delete(key);
      if (config.after !== "keep") this.#wake();
    });
  }

  #checkpoint(stored?: () => void): void {
    this.#sinceCheckpointBytes = 0;
    const position = toPosition(this.#ledger, this.#current);
    this.#context.checkpoint({ position, ...(stored === undefined ? {} : { stored }) });
  }

  /** Does what `after` says with an object whose records are stored. */
  async #putAway({ key, etag }: ListedObject): Promise<void> {
    const { config, logger } = this.#context;
    const { bucket } = config;
    await this.#answered(`${config.after} ${key}`, async (abortSignal) => {
      if (config.after === "move") {
        const target = { Bucket: bucket, Key: `${config["move-to"]}${key}` };
        const source = `${bucket}/${key.split("/").map(encodeURIComponent).join("/")}`;
        await this.#client.send(new CopyObjectCommand({ ...target, CopySource: source, CopySourceIfMatch: etag }), {
          abortSignal,
        });
      }
      await this.#client.send(new DeleteObjectCommand({ Bucket: bucket, Key: key }), { abortSignal });
    });
    this.#ledger.remove(key);
    this.#checkpoint();
    logger.info(
      { key },
      config.after === "move" ? "moved an object that is stored" : "deleted an object that is stored",
    );
  }

  /** The listing from where the ledger is, page by page. */
  async *#pages(): AsyncGenerator<ListedObject[]> {
    const { config, signal } = this.#context;
    const suffixes = config.suffix;
    let token: string | undefined;
    const after = this.#ledger.listAfter;
    do {
      const command = new ListObjectsV2Command({
        Bucket: config.bucket,
        ...(config.prefix === "" ? {} : { Prefix: config.prefix }),
        ...(after === undefined ? {} : { StartAfter: after }),
        ...(token === undefined ? {} : { ContinuationToken: token }),
      });
      const page = await this.#answered(`list ${config.prefix}`.trim(), (abortSignal) =>
        this.#client.send(command, { abortSignal }),
      );
      yield (page.Contents ?? []).flatMap(({ Key: key = "", ETag: etag = "", Size = 0, LastModified }) => {
        if (key.endsWith("/") || (suffixes !== undefined && !suffixes.some((suffix) => key.endsWith(suffix))))
          return [];
        return [{ key, etag, sizeBytes: Size, modifiedMs: LastModified?.getTime() ?? 0 }];
      });
      token = page.NextContinuationToken;
    } while (token !== undefined && !signal.aborted);
  }

  #answered<T>(what: string, ask: (abortSignal: AbortSignal) => Promise<T>): Promise<T> {
    const { config, signal } = this.#context;
    return this.#asked(what, () => answer(this.#context, what, { timeoutMs: config.timeout, signal }, ask));
  }

  /** Says of what S3 answers what was asked for. */
  async #asked<T>(what: string, ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      const { config, signal } = this.#context;
      const isOurs = error instanceof Error && "code" in error && String(error.code).startsWith("FLV_");
      if (isOurs || signal.aborted) throw error;
      const changed = errorCode(error) === "PreconditionFailed" ? "the object was changed while it was read: " : "";
      throw new Error(`${what}: ${changed}${problemOf(error, config.timeout)}`);
    }
  }
}
