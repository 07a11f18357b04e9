import { EventEmitter, once } from "node:events";
import { type FileHandle, mkdir, open, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";

export interface RotatingLogOptions {
  /** The newest file; older ones have `.1`, `.2`, … appended. */
  readonly path: string;
  /** A file that reaches this is put aside. */
  readonly fileSizeBytesMax: number;
  /** Files kept, the newest included. */
  readonly filesMax: number;
}

interface LogFile {
  path: string;
  /** Position of its first byte in the whole log. */
  readonly start: number;
  sizeBytes: number;
}

const READ_SIZE_BYTES = 64 * 1024;

/** An append-only log in a bounded number of files. Positions count all bytes from the oldest file that was kept at the opening on. */
export class RotatingLog implements AsyncDisposable {
  readonly #options: RotatingLogOptions;
  readonly #files: LogFile[];
  readonly #grown = new EventEmitter().setMaxListeners(0);
  #handle: FileHandle;
  #queue: Promise<void> = Promise.resolve();
  #closed = false;

  private constructor(options: RotatingLogOptions, files: LogFile[], handle: FileHandle) {
    this.#options = options;
    this.#files = files;
    this.#handle = handle;
  }

  static async open(options: RotatingLogOptions): Promise<RotatingLog> {
    await mkdir(dirname(options.path), { recursive: true });
    const files: LogFile[] = [];
    let start = 0;
    for (let age = options.filesMax - 1; age >= 0; age--) {
      const path = agedPath(options.path, age);
      const found = await stat(path).catch(() => undefined);
      if (found === undefined && age > 0) continue;
      files.push({ path, start, sizeBytes: found?.size ?? 0 });
      start += found?.size ?? 0;
    }
    return new RotatingLog(options, files, await open(options.path, "a", 0o640));
  }

  /** Resolves when the bytes are written; calls are written in order. */
  append(chunk: Uint8Array): Promise<void> {
    const done = this.#queue.then(() => this.#write(chunk));
    // A failed write is the caller's to see; those that come after it try again.
    this.#queue = done.catch(() => {});
    return done;
  }

  async #write(chunk: Uint8Array): Promise<void> {
    const { fileSizeBytesMax } = this.#options;
    // Pieces, for a chunk that is larger than a whole file.
    for (let at = 0; at < chunk.length && !this.#closed; at += fileSizeBytesMax) {
      const piece = chunk.subarray(at, at + fileSizeBytesMax);
      let current = this.#files.at(-1)!;
      if (current.sizeBytes > 0 && current.sizeBytes + piece.length > fileSizeBytesMax)
        current = await this.#rotate(current);
      await this.#handle.write(piece);
      current.sizeBytes += piece.length;
    }
    this.#grown.emit("grown");
  }

  async #rotate(current: LogFile): Promise<LogFile> {
    await this.#handle.close();
    if (this.#files.length >= this.#options.filesMax) {
      const oldest = this.#files.shift();
      if (oldest !== undefined) await rm(oldest.path, { force: true });
    }
    for (const [index, file] of this.#files.entries()) {
      const aged = agedPath(this.#options.path, this.#files.length - index);
      await rename(file.path, aged);
      file.path = aged;
    }
    const next: LogFile = { path: this.#options.path, start: current.start + current.sizeBytes, sizeBytes: 0 };
    this.#files.push(next);
    this.#handle = await open(this.#options.path, "a", 0o640);
    return next;
  }

  /** The log from `fromByte` on (what was dropped is left out); with `follow` until `signal` aborts or the log closes. */
  async *read(options: { fromByte: number; follow: boolean; signal: AbortSignal }): AsyncGenerator<Uint8Array> {
    let position = options.fromByte;
    while (!options.signal.aborted) {
      const chunk = await this.#readAt(position);
      if (chunk !== undefined) {
        position = chunk.position + chunk.bytes.length;
        yield chunk.bytes;
      } else if (!options.follow || this.#closed) {
        return;
      } else {
        // An abort is the ordinary end of following.
        await once(this.#grown, "grown", { signal: options.signal }).catch(() => {});
      }
    }
  }

  async #readAt(wanted: number): Promise<{ position: number; bytes: Uint8Array } | undefined> {
    for (;;) {
      const file = this.#files.find((one) => wanted < one.start + one.sizeBytes);
      if (file === undefined) return undefined;
      const path = file.path;
      const handle = await open(path, "r").catch(() => undefined);
      try {
        // A rotation while we opened it: look again.
        if (handle === undefined || file.path !== path) {
          if (!this.#files.includes(file) || file.path !== path) continue;
          return undefined;
        }
        const position = Math.max(wanted, file.start);
        const length = Math.min(READ_SIZE_BYTES, file.start + file.sizeBytes - position);
        const { bytesRead, buffer } = await handle.read(new Uint8Array(length), 0, length, position - file.start);
        return bytesRead === 0 ? undefined : { position, bytes: buffer.subarray(0, bytesRead) };
      } finally {
        await handle?.close();
      }
    }
  }

  /** Closes and deletes every file. */
  async remove(): Promise<void> {
    await this[Symbol.asyncDispose]();
    for (const file of this.#files) await rm(file.path, { force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    await this.#queue;
    this.#closed = true;
    this.#grown.emit("grown");
    await this.#handle.close();
  }
}

function agedPath(path: string, age: number): string {
  return age === 0 ? path : `${path}.${age}`;
}
