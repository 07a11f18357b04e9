import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { pipeline } from "node:stream";
import { createGunzip } from "node:zlib";
import { type Decoded, type FormatOptions, type RecordDecoder, recordDecoder } from "../shared/formats/index.ts";
import type { FileHead, FilePlace } from "./file-position.ts";
import { type FoundFile, foundFile } from "./find-files.ts";

/** Takes what was read; resolves when there is room for more. */
export type TakeDecoded = (decoded: Decoded) => Promise<void>;

const HEAD_SIZE_BYTES_MAX = 256;
const READ_SIZE_BYTES = 256 * 1024;
const NEWLINE = 0x0a;

/** What reading came to. */
export type ReadOutcome = "end" | "stopped" | "replaced";

/** A file that is read as it grows, over renames, under the inode it has. */
export class TrackedFile implements AsyncDisposable {
  readonly id: string;
  path: string;
  /** Its records are all handed over, and it does not grow any more. */
  isFinished = false;
  /** The cluster has the records, and the position behind them. */
  isStored = false;
  /** As it was when it was last read. */
  #seen: FoundFile | undefined;
  readonly #options: FormatOptions;
  #handle: FileHandle | undefined;
  #decoder: RecordDecoder;
  /** Behind what the decoder was given. */
  #readOffset: number;
  #head: FileHead | undefined;
  #packedSizeBytes: number | undefined;
  /** Records before this are not handed over. */
  #silentUntil = 0;

  constructor(place: Pick<FilePlace, "path" | "id"> & Partial<FilePlace>, options: FormatOptions) {
    const { path, id, offset = 0, state, head, packedSizeBytes } = place;
    this.path = path;
    this.id = id;
    this.#options = options;
    this.#decoder = recordDecoder(options, { offset, state });
    this.#readOffset = offset;
    this.#head = head;
    this.#packedSizeBytes = packedSizeBytes;
  }

  get place(): FilePlace {
    const { offset, state } = this.#decoder.place;
    return {
      path: this.path,
      id: this.id,
      offset,
      ...(state === undefined ? {} : { state }),
      ...(this.#head === undefined ? {} : { head: this.#head }),
      ...(this.#packedSizeBytes === undefined ? {} : { packedSizeBytes: this.#packedSizeBytes }),
    };
  }

  get isOpen(): boolean {
    return this.#handle !== undefined;
  }

  /** When it last grew, as its file system says; `undefined` before it was read. */
  get modifiedMs(): number | undefined {
    return this.#seen?.modifiedMs;
  }

  /** Bytes that are not handed over; those of a packed file, all of them, until it is read to its end. */
  behindBytes(sizeBytes: number): number {
    if (this.isFinished) return 0;
    if (this.#isPacked) return this.#packedSizeBytes === sizeBytes ? 0 : sizeBytes;
    return Math.max(0, sizeBytes - this.#decoder.place.offset);
  }

  /** Whether it is as it was when it was last read. */
  isAsRead({ sizeBytes, modifiedMs }: FoundFile): boolean {
    return this.#seen?.sizeBytes === sizeBytes && this.#seen.modifiedMs === modifiedMs;
  }

  /** The next bytes that are read are those which are not there yet; a line that has begun is read when it ends. */
  async startAtEnd({ sizeBytes }: FoundFile): Promise<void> {
    if (this.#isPacked) {
      this.#packedSizeBytes = sizeBytes;
      return;
    }
    if (this.#options.format === "csv" || this.#options.format === "json") {
      this.startSilently({ sizeBytes });
      return;
    }
    const handle = await this.#open();
    if (handle === undefined) return;
    const last = await bytesAt(handle, Math.max(0, sizeBytes - this.#options["max-record-size"]), sizeBytes);
    const lineStart = last.lastIndexOf(NEWLINE) + 1;
    this.#goTo(lineStart === 0 && last.length < sizeBytes ? sizeBytes : sizeBytes - last.length + lineStart);
    await this.#keepHead(handle);
  }

  /** Reads up to there without handing anything over: what comes then is understood by what stands before. */
  startSilently({ sizeBytes }: Pick<FoundFile, "sizeBytes">): void {
    this.#silentUntil = sizeBytes;
  }

  /**
   * Hands over what is there. After a throw reading goes on behind the last record that was handed over.
   * @param onRewritten told when the file is not the one that was read so far, and is read from its beginning
   * @throws the system's error
   */
  async read(take: TakeDecoded, signal: AbortSignal, onRewritten: (why: string) => void): Promise<ReadOutcome> {
    const handle = await this.#open();
    if (handle === undefined) return "replaced";
    try {
      const now = foundFile(this.path, await handle.stat({ bigint: true }));
      await this.#checkSame(handle, now, take, onRewritten);
      const outcome = this.#isPacked
        ? await this.#readPacked(handle, now, take, signal)
        : await this.#readPlain(handle, now, take, signal);
      if (outcome === "end") this.#seen = now;
      return outcome;
    } catch (error) {
      const { offset, state } = this.#decoder.place;
      this.#decoder = recordDecoder(this.#options, { offset, state });
      this.#readOffset = offset;
      await this.close();
      throw error;
    }
  }

  /** The file ends here: a record without an end mark is one too. */
  async finish(take: TakeDecoded): Promise<void> {
    await this.#end(take);
    this.isFinished = true;
  }

  /** It grows after all. */
  unfinish(): void {
    this.isFinished = false;
    this.isStored = false;
    this.#seen = undefined;
  }

  async close(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    await handle?.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  get #isPacked(): boolean {
    return this.path.endsWith(".gz") || this.#packedSizeBytes !== undefined;
  }

  /** `undefined` when the path has another file by now. */
  async #open(): Promise<FileHandle | undefined> {
    if (this.#handle !== undefined) return this.#handle;
    const handle = await open(this.path, "r");
    if (foundFile(this.path, await handle.stat({ bigint: true })).id !== this.id) {
      await handle.close();
      return undefined;
    }
    this.#handle = handle;
    return handle;
  }

  #goTo(offset: number): void {
    this.#decoder = recordDecoder(this.#options, { offset });
    this.#readOffset = offset;
  }

  async #end(take: TakeDecoded): Promise<void> {
    const decoded = this.#decoder.end();
    const { offset, state } = this.#decoder.place;
    await take(decoded);
    this.#decoder = recordDecoder(this.#options, { offset, state });
    this.#readOffset = offset;
  }

  /** A file that shrank, or begins with other bytes than it did, was written anew. */
  async #checkSame(handle: FileHandle, now: FoundFile, take: TakeDecoded, onRewritten: (why: string) => void) {
    if (this.isAsRead(now)) return;
    const isShorter = now.sizeBytes < (this.#packedSizeBytes ?? (this.#isPacked ? 0 : this.#readOffset));
    if (!isShorter && (await this.#hasHead(handle))) return;
    if (this.#decoder.hasPending) await this.#end(take);
    onRewritten(isShorter ? "it is shorter than what was read of it" : "its first bytes are others than before");
    this.#head = undefined;
    this.#packedSizeBytes = undefined;
    this.#silentUntil = 0;
    this.#goTo(0);
  }

  async #readPlain(handle: FileHandle, now: FoundFile, take: TakeDecoded, signal: AbortSignal): Promise<ReadOutcome> {
    // What is appended meanwhile is left to the next round: the other files have their turn.
    while (this.#readOffset < now.sizeBytes) {
      if (signal.aborted) return "stopped";
      const isSilent = this.#readOffset < this.#silentUntil;
      const limit = Math.min(now.sizeBytes, isSilent ? this.#silentUntil : now.sizeBytes);
      const chunk = await bytesAt(handle, this.#readOffset, Math.min(limit, this.#readOffset + READ_SIZE_BYTES));
      if (chunk.length === 0) break;
      this.#readOffset += chunk.length;
      const decoded = this.#decoder.push(chunk);
      await this.#keepHead(handle);
      if (!isSilent) await take(decoded);
    }
    return "end";
  }

  async #readPacked(handle: FileHandle, now: FoundFile, take: TakeDecoded, signal: AbortSignal): Promise<ReadOutcome> {
    if (now.sizeBytes === this.#packedSizeBytes || this.isAsRead(now)) return "end";
    const { offset, state } = this.#decoder.place;
    this.#decoder = recordDecoder(this.#options, { offset, state });
    const packed = handle.createReadStream({ start: 0, autoClose: false, end: Math.max(0, now.sizeBytes - 1) });
    // A stream that breaks off ends the unpacking with its error; the reader of the latter gets it.
    const unpacked = pipeline(packed, createGunzip({ chunkSize: READ_SIZE_BYTES }), () => {});
    let skipBytes = offset;
    for await (const chunk of unpacked as AsyncIterable<Uint8Array>) {
      const fresh = chunk.subarray(Math.min(skipBytes, chunk.length));
      skipBytes -= chunk.length - fresh.length;
      if (fresh.length > 0) await take(this.#decoder.push(fresh));
      if (signal.aborted) return "stopped";
    }
    await this.#end(take);
    this.#packedSizeBytes = now.sizeBytes;
    await this.#keepHead(handle);
    return "end";
  }

  async #hasHead(handle: FileHandle): Promise<boolean> {
    if (this.#head === undefined) return true;
    return hash(await bytesAt(handle, 0, this.#head.sizeBytes)) === this.#head.hash;
  }

  /** Notes the first bytes, as far as they are read. */
  async #keepHead(handle: FileHandle): Promise<void> {
    const readBytes = this.#packedSizeBytes ?? this.#decoder.place.offset;
    const sizeBytes = Math.min(HEAD_SIZE_BYTES_MAX, readBytes);
    if (sizeBytes <= (this.#head?.sizeBytes ?? 0)) return;
    this.#head = { sizeBytes, hash: hash(await bytesAt(handle, 0, sizeBytes)) };
  }
}

function hash(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex").slice(0, 16);
}

/** The bytes of a range, fewer when the file ends before. */
async function bytesAt(handle: FileHandle, from: number, to: number): Promise<Uint8Array> {
  const bytes = Buffer.allocUnsafeSlow(Math.max(0, to - from));
  let length = 0;
  while (length < bytes.length) {
    const { bytesRead } = await handle.read(bytes, length, bytes.length - length, from + length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return bytes.subarray(0, length);
}
