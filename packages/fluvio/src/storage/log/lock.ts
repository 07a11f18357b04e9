import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { flvError } from "../../protocol/index.ts";
import { type FileSystem, nodeFileSystem, systemErrorCode } from "./file-system.ts";
import { LOCK_FILE, TEMPORARY_SUFFIX } from "./names.ts";

/** The holder touches the file this often; one that cannot be looked up directly is dead after the second time. */
const HEARTBEAT_MS = 2000;
const STALE_MS = 10_000;
/** How often a holder that is waited for is looked up. */
const LOOK_MS = 20;

interface Holder {
  readonly pid: number;
  /** Tells one process of that number from a later one; empty where the system does not say. */
  readonly startedAt: string;
  /** Machine and its process numbering: within the same, the holder can be looked up. */
  readonly realm: string;
  /** Tells two holds of one process apart. */
  readonly token: string;
}

export interface DirectoryLock {
  release(): Promise<void>;
}

/**
 * Makes this process the only one that writes in a directory. A lock whose holder is gone is taken over.
 * @throws FLV_DATA_LOCKED when another one holds it
 */
export async function lockDirectory(fileSystem: FileSystem, directory: string): Promise<DirectoryLock> {
  const path = join(directory, LOCK_FILE);
  const token = randomUUID();
  const own = await describeProcess(fileSystem, token);
  const temporary = `${path}.${token}${TEMPORARY_SUFFIX}`;
  await fileSystem.writeFile(temporary, new TextEncoder().encode(JSON.stringify(own)));
  try {
    while (!(await tryLink(fileSystem, temporary, path))) {
      if (await takeOver(fileSystem, temporary, path, own)) break;
    }
  } finally {
    await fileSystem.remove(temporary);
  }
  const heartbeat = setInterval(() => {
    // A beat that fails is repeated by the next.
    fileSystem.touch(path).catch(() => {});
  }, HEARTBEAT_MS).unref();
  return {
    release: async () => {
      clearInterval(heartbeat);
      if ((await readHolder(fileSystem, path))?.token === token) await fileSystem.remove(path);
    },
  };
}

/**
 * Resolves when no living process holds a directory, or after `waitMs`: whoever opens it then is told who does. A process
 * that has lost its cluster holds its own until it has closed its logs.
 */
export async function untilUnlocked(directory: string, waitMs: number): Promise<void> {
  const path = join(directory, LOCK_FILE);
  const own = await describeProcess(nodeFileSystem, "");
  const endMs = performance.now() + waitMs;
  const isHeld = async () =>
    (await isAbandoned(nodeFileSystem, path, await readHolder(nodeFileSystem, path), own)) === false;
  while ((await isHeld()) && performance.now() < endMs) await sleep(LOOK_MS);
}

/** A link appears whole or not at all, unlike a file that is created and then written. */
async function tryLink(fileSystem: FileSystem, temporary: string, path: string): Promise<boolean> {
  try {
    await fileSystem.link(temporary, path);
    return true;
  } catch (error) {
    if (systemErrorCode(error) === "EEXIST") return false;
    throw error;
  }
}

/**
 * Puts the own lock in the place of a stale one, in one step: the directory is never without a lock, so that nobody can
 * slip in between. Those that found the same lock stale do this one after the other, behind a lock of its own.
 * @returns false when the lock has gone or another was faster
 * @throws FLV_DATA_LOCKED when the holder lives
 */
async function takeOver(fileSystem: FileSystem, temporary: string, path: string, own: Holder): Promise<boolean> {
  const holder = await readHolder(fileSystem, path);
  const isStale = await isAbandoned(fileSystem, path, holder, own);
  if (isStale === undefined) return false;
  if (!isStale) {
    throw flvError("FLV_DATA_LOCKED", `The data folder is in use by process ${holder?.pid}`, {
      details: { lockFile: path, pid: holder?.pid },
      hint: "stop the cluster that uses it, or choose another data folder",
    });
  }
  const turn = `${path}.takeover${TEMPORARY_SUFFIX}`;
  if (!(await tryLink(fileSystem, temporary, turn))) {
    // whoever was killed in the middle of taking over left its turn behind
    const other = await readHolder(fileSystem, turn);
    if (other && (await isAbandoned(fileSystem, turn, other, own))) await fileSystem.remove(turn);
    return false;
  }
  try {
    if ((await readHolder(fileSystem, path))?.token !== holder?.token) return false;
    await fileSystem.rename(temporary, path);
    return true;
  } finally {
    await fileSystem.remove(turn);
  }
}

/** Whether the holder is gone; `undefined` when the file is. What is no lock of ours has no holder. */
async function isAbandoned(
  fileSystem: FileSystem,
  path: string,
  holder: Holder | undefined,
  own: Holder,
): Promise<boolean | undefined> {
  const stat = await fileSystem.stat(path);
  if (!stat) return undefined;
  return !(holder && (await isAlive(fileSystem, holder, own, Date.now() - stat.modifiedMs)));
}

/** Who holds the lock; `undefined` when there is none or it cannot be made sense of. */
async function readHolder(fileSystem: FileSystem, path: string): Promise<Holder | undefined> {
  const bytes = await fileSystem.readFile(path);
  if (!bytes) return undefined;
  try {
    const holder = JSON.parse(new TextDecoder().decode(bytes)) as Partial<Holder> | null;
    const isHolder = typeof holder?.pid === "number" && typeof holder.realm === "string";
    return isHolder ? (holder as Holder) : undefined;
  } catch {
    return undefined;
  }
}

async function describeProcess(fileSystem: FileSystem, token: string): Promise<Holder> {
  const boot = await readText(fileSystem, "/proc/sys/kernel/random/boot_id");
  // Containers number their processes themselves; the first process differs between them.
  const realm = `${hostname()} ${boot} ${await startTime(fileSystem, 1)}`;
  return { pid: process.pid, startedAt: await startTime(fileSystem, process.pid), realm, token };
}

async function isAlive(fileSystem: FileSystem, holder: Holder, own: Holder, silentMs: number): Promise<boolean> {
  if (holder.realm !== own.realm) return silentMs < STALE_MS;
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    // EPERM: it is there and belongs to someone else.
    if (systemErrorCode(error) !== "EPERM") return false;
  }
  return (await startTime(fileSystem, holder.pid)) === holder.startedAt;
}

/** When a process started, in the system's own unit; empty where there is no /proc. A zombie has ended: `ended`. */
async function startTime(fileSystem: FileSystem, pid: number): Promise<string> {
  const stat = await readText(fileSystem, `/proc/${pid}/stat`);
  // The name in parentheses may hold spaces; behind it the first field is the state, the 20th the start time.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields[0] === "Z" ? "ended" : (fields[19] ?? "");
}

async function readText(fileSystem: FileSystem, path: string): Promise<string> {
  try {
    const bytes = await fileSystem.readFile(path);
    return bytes ? new TextDecoder().decode(bytes).trim() : "";
  } catch {
    return "";
  }
}
