import * as fs from "node:fs";
import * as fsp from "node:fs/promises";

/** One open file of a log. Every error is the system's own, with its `code` (ENOSPC, EIO, …). */
export interface LogFile {
  /** Writes the pieces one after the other; returns the bytes written, which may be fewer than given. */
  writev(pieces: readonly Uint8Array[], position: number): Promise<number>;
  writevSync(pieces: readonly Uint8Array[], position: number): number;
  /** Fills `target` from `position`; returns the bytes read, fewer only at the end of the file. */
  read(target: Uint8Array, position: number): Promise<number>;
  datasync(): Promise<void>;
  datasyncSync(): void;
  truncate(sizeBytes: number): Promise<void>;
  truncateSync(sizeBytes: number): void;
  stat(): Promise<FileStat>;
  close(): Promise<void>;
}

interface FileStat {
  readonly sizeBytes: number;
  readonly modifiedMs: number;
}

/** `create` makes the file when absent; the others fail with ENOENT. */
export type OpenMode = "read" | "write" | "create";

/** What the log needs of a file system; passed in, so that a test can make any call fail. */
export interface FileSystem {
  open(path: string, mode: OpenMode): Promise<LogFile>;
  /** The whole file, or `undefined` when absent. */
  readFile(path: string): Promise<Uint8Array | undefined>;
  /** Writes a whole file, replacing what was there. */
  writeFile(path: string, bytes: Uint8Array): Promise<void>;
  stat(path: string): Promise<FileStat | undefined>;
  /** Names in a directory, sorted; empty when the directory is absent. */
  list(path: string): Promise<readonly string[]>;
  makeDirectory(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Gives a file a second name; fails with EEXIST when that is taken. */
  link(from: string, to: string): Promise<void>;
  /** Sets the time of last change to now. */
  touch(path: string): Promise<void>;
  /** Removes a file or a whole directory; nothing happens when it is absent. */
  remove(path: string): Promise<void>;
  /** Makes created, renamed and removed names survive power loss. */
  syncDirectory(path: string): Promise<void>;
}

/** The system's error code, such as `ENOSPC`. */
export function systemErrorCode(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

const FLAGS: Readonly<Record<OpenMode, number>> = {
  read: fs.constants.O_RDONLY,
  write: fs.constants.O_RDWR,
  create: fs.constants.O_RDWR | fs.constants.O_CREAT,
};

class NodeLogFile implements LogFile {
  readonly #handle: fsp.FileHandle;

  constructor(handle: fsp.FileHandle) {
    this.#handle = handle;
  }

  async writev(pieces: readonly Uint8Array[], position: number): Promise<number> {
    return (await this.#handle.writev(pieces, position)).bytesWritten;
  }
  writevSync(pieces: readonly Uint8Array[], position: number): number {
    return fs.writevSync(this.#handle.fd, pieces, position);
  }
  async read(target: Uint8Array, position: number): Promise<number> {
    let filled = 0;
    while (filled < target.length) {
      const { bytesRead } = await this.#handle.read(target, filled, target.length - filled, position + filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return filled;
  }
  datasync(): Promise<void> {
    return this.#handle.datasync();
  }
  datasyncSync(): void {
    fs.fdatasyncSync(this.#handle.fd);
  }
  truncate(sizeBytes: number): Promise<void> {
    return this.#handle.truncate(sizeBytes);
  }
  truncateSync(sizeBytes: number): void {
    fs.ftruncateSync(this.#handle.fd, sizeBytes);
  }
  async stat(): Promise<FileStat> {
    const { size, mtimeMs } = await this.#handle.stat();
    return { sizeBytes: size, modifiedMs: mtimeMs };
  }
  close(): Promise<void> {
    return this.#handle.close();
  }
}

async function unlessAbsent<T>(result: Promise<T>): Promise<T | undefined> {
  try {
    return await result;
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** The machine's own file system. */
export const nodeFileSystem: FileSystem = {
  open: async (path, mode) => new NodeLogFile(await fsp.open(path, FLAGS[mode])),
  readFile: (path) => unlessAbsent(fsp.readFile(path)),
  writeFile: (path, bytes) => fsp.writeFile(path, bytes),
  stat: async (path) => {
    const found = await unlessAbsent(fsp.stat(path));
    return found && { sizeBytes: found.size, modifiedMs: found.mtimeMs };
  },
  list: async (path) => ((await unlessAbsent(fsp.readdir(path))) ?? []).sort(),
  makeDirectory: async (path) => {
    await fsp.mkdir(path, { recursive: true });
  },
  rename: (from, to) => fsp.rename(from, to),
  link: (from, to) => fsp.link(from, to),
  touch: (path) => fsp.utimes(path, new Date(), new Date()),
  remove: (path) => fsp.rm(path, { recursive: true, force: true }),
  syncDirectory: async (path) => {
    // Windows cannot open a directory for syncing; its file systems journal names themselves.
    if (process.platform === "win32") return;
    const handle = await fsp.open(path, fs.constants.O_RDONLY);
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  },
};
