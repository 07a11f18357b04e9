import { randomUUID } from "node:crypto";
import { link, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { flvError } from "../../protocol/index.ts";
import { messageOf } from "../message-of.ts";

/** What a lock file holds: who has the folder. A process id alone is reused, so its start is kept beside it. */
export interface DataDirHolder {
  readonly processId: number;
  readonly startedAt: string;
}

/** How often a stale lock is tried to be taken over; more than once only when starts race. */
const ATTEMPTS_MAX = 5;

/**
 * Makes a data folder this process's own, so that two clusters never write to it. The lock of a process that is gone
 * (kill -9, power loss) is taken over.
 * @returns the way to give it back
 * @throws FLV_CLUSTER_RUNNING when another cluster has it | FLV_FILE when the folder cannot be written
 */
export async function lockDataDir(dataDir: string): Promise<() => Promise<void>> {
  const path = join(dataDir, "cluster.lock");
  const own: DataDirHolder = { processId: process.pid, startedAt: (await processStart(process.pid)) ?? ownStart() };
  await makeDataDir(dataDir);
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    if (await create(path, dataDir, own)) return () => rm(path, { force: true });
    const found = await readText(path);
    if (found === undefined) continue;
    const holder = parseHolder(found);
    if (holder !== undefined && (await isHolderAlive(holder))) {
      throw flvError(
        "FLV_CLUSTER_RUNNING",
        `The data folder ${dataDir} is in use by another cluster (process ${holder.processId})`,
        {
          details: { dataDir, processId: holder.processId },
          hint: "Stop that cluster with `fluvio cluster shutdown`, or choose another folder with --data-dir.",
        },
      );
    }
    if (await takeOver(path, dataDir, found, own)) return () => rm(path, { force: true });
  }
  throw flvError("FLV_CLUSTER_RUNNING", `The data folder ${dataDir} is being taken by another cluster`, {
    details: { dataDir },
    hint: "Try again, or choose another folder with --data-dir.",
    retriable: true,
  });
}

/** Who has a data folder at the moment; nothing when no cluster runs on it. */
export async function dataDirHolder(dataDir: string): Promise<DataDirHolder | undefined> {
  const found = await readText(join(dataDir, "cluster.lock")).catch(() => undefined);
  const holder = found === undefined ? undefined : parseHolder(found);
  return holder !== undefined && (await isHolderAlive(holder)) ? holder : undefined;
}

async function makeDataDir(dataDir: string): Promise<void> {
  try {
    await mkdir(dataDir, { recursive: true });
  } catch (cause) {
    throw notWritable(dataDir, cause);
  }
}

/** False when the lock exists. A link, so that the lock is never seen half written. */
async function create(path: string, dataDir: string, own: DataDirHolder): Promise<boolean> {
  const draft = `${path}.${randomUUID()}`;
  try {
    await writeFile(draft, JSON.stringify(own));
    await link(draft, path);
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw notWritable(dataDir, cause);
  } finally {
    await rm(draft, { force: true });
  }
}

/**
 * Replaces a stale lock in one step, so that the folder is never without one and no other start can slip in between.
 * Starts that judged the same lock stale do this one after the other, behind a lock of its own.
 * @returns false when another start was faster
 */
async function takeOver(path: string, dataDir: string, stale: string, own: DataDirHolder): Promise<boolean> {
  const turn = `${path}.takeover`;
  if (!(await create(turn, dataDir, own))) {
    await clearAbandoned(turn);
    return false;
  }
  const draft = `${path}.${randomUUID()}`;
  try {
    if ((await readText(path)) !== stale) return false;
    await writeFile(draft, JSON.stringify(own));
    await rename(draft, path);
    return true;
  } catch (cause) {
    throw notWritable(dataDir, cause);
  } finally {
    await rm(draft, { force: true });
    await rm(turn, { force: true });
  }
}

/** A start that was killed in the middle of taking over left its turn behind. */
async function clearAbandoned(turn: string): Promise<void> {
  const found = await readText(turn);
  const holder = found === undefined ? undefined : parseHolder(found);
  if (holder !== undefined && !(await isHolderAlive(holder))) await rm(turn, { force: true });
}

function notWritable(dataDir: string, cause: unknown): Error {
  const reason = messageOf(cause);
  return flvError("FLV_FILE", `The data folder ${dataDir} cannot be written: ${reason}`, {
    details: { dataDir },
    hint: "Give this user write permission, or choose another folder with --data-dir.",
    cause,
  });
}

/** `undefined` when there is no such file. */
async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw cause;
  }
}

/** `undefined` when it is no lock of ours: such a file counts as stale. */
function parseHolder(text: string): DataDirHolder | undefined {
  try {
    const holder = JSON.parse(text) as Partial<DataDirHolder>;
    if (typeof holder.processId !== "number" || typeof holder.startedAt !== "string") return undefined;
    return { processId: holder.processId, startedAt: holder.startedAt };
  } catch {
    return undefined;
  }
}

/** Whether the process that had the folder still runs. */
export async function isHolderAlive(holder: DataDirHolder): Promise<boolean> {
  if (holder.processId === process.pid) {
    return holder.startedAt === ((await processStart(process.pid)) ?? ownStart());
  }
  try {
    process.kill(holder.processId, 0);
  } catch (error) {
    // EPERM: it exists and belongs to another user
    if ((error as NodeJS.ErrnoException).code !== "EPERM") return false;
  }
  const stat = await processStat(holder.processId);
  // a zombie has ended and only waits for its parent, which in a container may never come for it
  if (stat?.state === "Z") return false;
  return stat === undefined || stat.startedAt === holder.startedAt;
}

function ownStart(): string {
  return String(Math.round(performance.timeOrigin));
}

/** Start of a process in the kernel's clock ticks; `undefined` where the system does not tell. */
async function processStart(processId: number): Promise<string | undefined> {
  return (await processStat(processId))?.startedAt;
}

async function processStat(
  processId: number,
): Promise<{ readonly state: string | undefined; readonly startedAt: string | undefined } | undefined> {
  try {
    const stat = await readFile(`/proc/${processId}/stat`, "utf8");
    // the second field is the command in parentheses and may hold blanks; the state is the 3rd, the start the 22nd
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return { state: fields[0], startedAt: fields[19] };
  } catch {
    return undefined;
  }
}
