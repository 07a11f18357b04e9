import { join } from "node:path";
import { flvError, type Logger, silentLogger } from "../../protocol/index.ts";
import type { PartitionId, PartitionLog, PartitionLogConfig, StorageEngine } from "../engine.ts";
import { type FileSystem, nodeFileSystem } from "./file-system.ts";
import { type DirectoryLock, lockDirectory } from "./lock.ts";
import { closedError, partitionName } from "./log-errors.ts";
import type { LogEnvironment } from "./log-state.ts";
import { LogWriter } from "./log-writer.ts";
import {
  DELETED_DIRECTORY_PREFIX,
  LOCK_FILE,
  parsePartitionDirectoryName,
  partitionDirectoryName,
  TEMPORARY_SUFFIX,
} from "./names.ts";
import { OpenSegments } from "./open-segments.ts";
import { SegmentedLog } from "./partition-log.ts";
import { RecentBudget } from "./recent-batches.ts";
import { recoverLog } from "./recovery.ts";
import { SyncPolicy } from "./sync-policy.ts";
import { WriteScheduler } from "./write-scheduler.ts";

const RECENT_BYTES_MAX_DEFAULT = 128 * 1024 * 1024;
const RECENT_PARTITION_BYTES_MAX_DEFAULT = 32 * 1024 * 1024;
const OPEN_SEGMENTS_MAX_DEFAULT = 128;

export interface LogEngineOptions {
  /** Folder that holds a folder for each partition. Made when absent; used by one process at a time. */
  readonly directory: string;
  readonly logger?: Logger;
  /** Bytes of the newest batches kept in memory, over all partitions. Default 128 MiB. */
  readonly recentBytesMax?: number;
  /** The same for one partition. Default 32 MiB. */
  readonly recentPartitionBytesMax?: number;
  /** Files of full segments kept open for readers, besides one file for each partition. Default 128. */
  readonly openSegmentsMax?: number;
  /** Default: the machine's own. */
  readonly fileSystem?: FileSystem;
  /** The current time, for segments whose records have none. Default: the machine's clock. */
  readonly nowMs?: () => number;
}

/**
 * Opens the embedded engine: a segmented log per partition in `<directory>/<topic>-<partition>/`.
 * @throws FLV_DATA_LOCKED when another process uses the directory | FLV_FILE when it cannot be used
 */
export async function createLogEngine(options: LogEngineOptions): Promise<StorageEngine> {
  const { directory, fileSystem = nodeFileSystem } = options;
  try {
    await fileSystem.makeDirectory(directory);
  } catch (cause) {
    throw flvError("FLV_FILE", `Cannot make the data folder ${directory}`, {
      details: { directory },
      hint: "choose a folder that you may write to",
      cause,
    });
  }
  const lock = await lockDirectory(fileSystem, directory);
  for (const name of await fileSystem.list(directory)) {
    const isTemporary = name.startsWith(LOCK_FILE) && name.endsWith(TEMPORARY_SUFFIX);
    if (name.startsWith(DELETED_DIRECTORY_PREFIX) || isTemporary) await fileSystem.remove(join(directory, name));
  }
  const environment: LogEnvironment = {
    fileSystem,
    logger: options.logger ?? silentLogger,
    openSegments: new OpenSegments(fileSystem, options.openSegmentsMax ?? OPEN_SEGMENTS_MAX_DEFAULT),
    recentBudget: new RecentBudget(
      options.recentBytesMax ?? RECENT_BYTES_MAX_DEFAULT,
      options.recentPartitionBytesMax ?? RECENT_PARTITION_BYTES_MAX_DEFAULT,
    ),
    syncPolicy: new SyncPolicy(),
    scheduler: new WriteScheduler(),
    nowMs: options.nowMs ?? Date.now,
  };
  return new LogEngine(directory, environment, lock);
}

class LogEngine implements StorageEngine {
  readonly #directory: string;
  readonly #environment: LogEnvironment;
  readonly #lock: DirectoryLock;
  readonly #open = new Map<string, Promise<PartitionLog>>();
  /** Removals that run: opening the same partition waits for them. */
  readonly #removing = new Map<string, Promise<void>>();
  #removals = 0;
  #closing: Promise<void> | undefined;

  constructor(directory: string, environment: LogEnvironment, lock: DirectoryLock) {
    this.#directory = directory;
    this.#environment = environment;
    this.#lock = lock;
  }

  open(id: PartitionId, config: PartitionLogConfig): Promise<PartitionLog> {
    if (this.#closing) return Promise.reject(closedError(id));
    const name = partitionDirectoryName(id);
    let opening = this.#open.get(name);
    if (!opening) {
      opening = this.#recover(name, id, config);
      this.#open.set(name, opening);
      opening.catch(() => this.#open.delete(name));
    }
    return opening;
  }

  async remove(id: PartitionId): Promise<void> {
    const name = partitionDirectoryName(id);
    const running = this.#removing.get(name);
    if (running) return running;
    const removal = this.#remove(name).finally(() => this.#removing.delete(name));
    this.#removing.set(name, removal);
    return removal;
  }

  async list(): Promise<readonly PartitionId[]> {
    const names = await this.#environment.fileSystem.list(this.#directory);
    return names.map(parsePartitionDirectoryName).filter((id) => id !== undefined);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const logs = await Promise.allSettled(this.#open.values());
    const closed = await Promise.allSettled(
      logs.map((log) => (log.status === "fulfilled" ? log.value[Symbol.asyncDispose]() : undefined)),
    );
    await Promise.allSettled(this.#removing.values());
    await this.#lock.release();
    const failed = closed.find((result) => result.status === "rejected");
    if (failed) throw failed.reason;
  }

  async #recover(name: string, id: PartitionId, config: PartitionLogConfig): Promise<PartitionLog> {
    await this.#removing.get(name);
    const place = { id, directory: join(this.#directory, name) };
    try {
      const isNew = (await this.#environment.fileSystem.stat(place.directory)) === undefined;
      const { state, active } = await recoverLog(this.#environment, place, config);
      if (isNew) await this.#environment.fileSystem.syncDirectory(this.#directory);
      return new SegmentedLog(state, new LogWriter(state, active), () => this.#open.delete(name));
    } catch (cause) {
      throw flvError("FLV_STORAGE", `Cannot open partition ${partitionName(id)}`, {
        details: { ...id, directory: place.directory },
        hint: "check the disk and the rights of the data folder",
        cause,
      });
    }
  }

  async #remove(name: string): Promise<void> {
    const { fileSystem, logger } = this.#environment;
    const log = await this.#open.get(name)?.catch(() => undefined);
    try {
      await log?.[Symbol.asyncDispose]();
    } catch (cause) {
      logger.warn({ name, cause }, "closing a log failed, it is deleted all the same");
    }
    const path = join(this.#directory, name);
    if (!(await fileSystem.stat(path))) return;
    this.#removals += 1;
    const doomed = join(
      this.#directory,
      `${DELETED_DIRECTORY_PREFIX}${name}.${this.#environment.nowMs()}.${this.#removals}`,
    );
    await fileSystem.rename(path, doomed);
    await fileSystem.syncDirectory(this.#directory);
    await fileSystem.remove(doomed);
  }
}
