import type { FileSystem, LogFile, OpenMode } from "../index.ts";
import { nodeFileSystem } from "../log/file-system.ts";

type FileCall = "writev" | "datasync" | "truncate" | "read";
type Call = FileCall | Exclude<keyof FileSystem, "open"> | "open";

/** Decides about a call before it happens: an error makes it fail. */
export type FaultRule = (call: Call, path: string) => Error | undefined;

/** The machine's file system with calls that fail on demand, in their blocking and their asynchronous form alike. */
export class FaultyFileSystem implements FileSystem {
  /** Replaced by a test to make calls fail. */
  rule: FaultRule = () => undefined;
  /** Bytes of a write that reach the file before it fails. */
  partialWriteBytes = 0;
  /** Holds up every sync in the background until it resolves. */
  syncGate: Promise<void> | undefined;
  /** Files open now. */
  openFiles = 0;

  async open(path: string, mode: OpenMode): Promise<LogFile> {
    this.#check("open", path);
    const file = await nodeFileSystem.open(path, mode);
    this.openFiles += 1;
    return this.#wrap(file, path);
  }
  readFile = this.#guard("readFile");
  writeFile = this.#guard("writeFile");
  stat = this.#guard("stat");
  list = this.#guard("list");
  makeDirectory = this.#guard("makeDirectory");
  rename = this.#guard("rename");
  link = this.#guard("link");
  touch = this.#guard("touch");
  remove = this.#guard("remove");
  syncDirectory = this.#guard("syncDirectory");

  #check(call: Call, path: string): void {
    const error = this.rule(call, path);
    if (error) throw error;
  }

  #guard<K extends Exclude<keyof FileSystem, "open">>(call: K): FileSystem[K] {
    const real = nodeFileSystem[call] as (...parameters: unknown[]) => unknown;
    const guarded = async (...parameters: unknown[]) => {
      this.#check(call, String(parameters[0]));
      return real(...parameters);
    };
    return guarded as FileSystem[K];
  }

  #wrap(file: LogFile, path: string): LogFile {
    const failPartly = (pieces: readonly Uint8Array[], position: number) => {
      const error = this.rule("writev", path);
      if (!error) return;
      const start = Buffer.concat(pieces).subarray(0, this.partialWriteBytes);
      if (start.length > 0) file.writevSync([start], position);
      throw error;
    };
    return {
      writev: async (pieces, position) => {
        failPartly(pieces, position);
        return file.writev(pieces, position);
      },
      writevSync: (pieces, position) => {
        failPartly(pieces, position);
        return file.writevSync(pieces, position);
      },
      read: async (target, position) => {
        this.#check("read", path);
        return file.read(target, position);
      },
      datasync: async () => {
        this.#check("datasync", path);
        await this.syncGate;
        await file.datasync();
      },
      datasyncSync: () => {
        this.#check("datasync", path);
        file.datasyncSync();
      },
      truncate: async (sizeBytes) => {
        this.#check("truncate", path);
        await file.truncate(sizeBytes);
      },
      truncateSync: (sizeBytes) => {
        this.#check("truncate", path);
        file.truncateSync(sizeBytes);
      },
      stat: () => file.stat(),
      close: async () => {
        this.openFiles -= 1;
        await file.close();
      },
    };
  }
}

/** An error as the system gives it. */
export function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: injected`), { code });
}
