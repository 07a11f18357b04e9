import { rename, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { SourceContext } from "fluvio/connector";
import { type Decoded, handOver } from "../shared/formats/index.ts";
import { fromPosition, toPosition } from "./file-position.ts";
import { type FoundFile, findById } from "./find-files.ts";
import type { FileConfig } from "./source.ts";
import { type ReadOutcome, TrackedFile } from "./tracked-file.ts";

/** Files that stay open between rounds, so that they are read to their end when they are renamed or removed. */
const OPEN_FILES_MAX = 64;
/** So long reading waits until the cluster knows of new files; one that does not answer keeps nothing up. */
const KNOWN_TIMEOUT_MS = 1000;
/** Within a file a position is kept after so many bytes. */
const CHECKPOINT_SIZE_BYTES = 1024 * 1024;
/** While files are read, the lag is told so often. */
const LAG_INTERVAL_MS = 500;

export interface RoundResult {
  /** What is in the way; empty when nothing is. */
  readonly problem: string;
  /** Every file that was found is read to its end, and done with. */
  readonly isDone: boolean;
}

/** Reads what is new in a set of files, round by round, and knows them by their inodes. */
export class FileTail implements AsyncDisposable {
  readonly #context: SourceContext<FileConfig>;
  readonly #files = new Map<string, TrackedFile>();
  /** Since when files are not among those that are found. */
  readonly #missingSinceMs = new Map<string, number>();
  readonly #wake: () => void;
  #isFirstRound: boolean;
  /** In the order in which they were last read. */
  #open: TrackedFile[] = [];
  #sinceCheckpointBytes = 0;
  /** Places have changed since the last checkpoint. */
  #hasMoved = false;
  #failure: { readonly error: unknown } | undefined;
  /** Of the last round that could look at the files. */
  #listed: readonly FoundFile[] = [];
  #lagToldMs = Number.NEGATIVE_INFINITY;

  /** @param wake asks for another round */
  constructor(context: SourceContext<FileConfig>, wake: () => void) {
    this.#context = context;
    this.#wake = wake;
    const places = fromPosition(context.position);
    this.#isFirstRound = places === undefined;
    for (const place of places ?? []) this.#files.set(place.id, new TrackedFile(place, context.config));
  }

  /**
   * @param found the files that are there, in the order in which they are read, or why that cannot be told
   * @throws when a record cannot be handed over
   */
  async round(found: readonly FoundFile[] | Error): Promise<RoundResult> {
    const listed = found instanceof Error ? [] : found;
    if (!(found instanceof Error)) this.#listed = found;
    const problems: string[] = found instanceof Error ? [said(found)] : [];
    if (!(found instanceof Error)) await this.#track(found);
    else if (isMissing(found)) await this.#track([]);
    const isListed = new Set(listed.map(({ id }) => id));
    const others = [...this.#files.values()].filter(({ id }) => !isListed.has(id));
    others.sort((a, b) => (a.modifiedMs ?? 0) - (b.modifiedMs ?? 0));
    for (const file of others) {
      await this.#try(problems, file.path, () => this.#readUnlisted(file, !(found instanceof Error)));
    }
    let isDone = true;
    for (const one of listed) {
      const file = this.#files.get(one.id);
      if (file === undefined || this.#context.signal.aborted) continue;
      await this.#try(problems, one.path, async () => {
        await this.#readListed(file, one);
      });
      if (this.#files.has(one.id) && !(file.isFinished && this.#context.config.after === "keep")) isDone = false;
    }
    if (this.#hasMoved) this.#checkpoint();
    this.#tellLag();
    const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : "";
    return { problem: `${problems[0] ?? ""}${more}`, isDone: isDone && problems.length === 0 };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const file of this.#files.values()) await file.close();
  }

  /** Takes note of files that are new, and of new names of those that are known. */
  async #track(found: readonly FoundFile[]): Promise<void> {
    const { config, logger } = this.#context;
    const knownBefore = this.#files.size;
    for (const one of found) {
      const known = this.#files.get(one.id);
      this.#missingSinceMs.delete(one.id);
      if (known !== undefined) {
        known.path = one.path;
        continue;
      }
      const file = new TrackedFile(one, config);
      this.#files.set(one.id, file);
      logger.info({ path: one.path, sizeBytes: one.sizeBytes }, "found a file");
      if (this.#isFirstRound && config.start === "end") await file.startAtEnd(one).catch(() => file.startSilently(one));
    }
    if (this.#isFirstRound)
      logger.info({ files: found.length, start: config.start }, "looked for files for the first time");
    // Were it not kept that there was a first round, files that come before the next start would be begun at their end.
    if (this.#isFirstRound) this.#hasMoved = true;
    this.#isFirstRound = false;
    if (this.#files.size > knownBefore && config.follow) await this.#keepKnown();
  }

  /**
   * Has the cluster know of files before anything of them is read: one that is rotated away while the connector is down is
   * found again by its identity, and only then.
   */
  async #keepKnown(): Promise<void> {
    const waiting = new AbortController();
    const late = sleep(KNOWN_TIMEOUT_MS, undefined, {
      signal: AbortSignal.any([waiting.signal, this.#context.signal]),
    }).catch(() => {
      // kept, or told to stop
    });
    await Promise.race([new Promise<void>((resolve) => this.#checkpoint(resolve)), late]);
    waiting.abort();
  }

  /** A file that was rotated away or removed: what was written before is still read, as long as it can be found. */
  async #readUnlisted(file: TrackedFile, isListComplete: boolean): Promise<void> {
    const { config, logger } = this.#context;
    if (!file.isOpen) {
      const renamed = await findById(file.id, dirname(file.path));
      if (renamed !== undefined) file.path = renamed.path;
      else if (isListComplete) this.#forget(file, "a file is gone");
      if (renamed === undefined) return;
    }
    const outcome = await this.#read(file);
    if (outcome !== "end" || !isListComplete) return;
    const nowMs = Date.now();
    const sinceMs = this.#missingSinceMs.get(file.id) ?? nowMs;
    this.#missingSinceMs.set(file.id, sinceMs);
    const quietMs = nowMs - Math.max(sinceMs, file.modifiedMs ?? 0);
    if (config.follow && quietMs < config["settle-time"]) return;
    await file.finish((decoded) => this.#take(file, decoded));
    await file.close();
    this.#forget(file, "a file that was rotated away is read to its end");
    logger.debug({ path: file.path }, "let go");
  }

  async #readListed(file: TrackedFile, found: FoundFile): Promise<void> {
    const { config } = this.#context;
    if (file.isFinished && !file.isAsRead(found) && config.follow) file.unfinish();
    if (file.isFinished) {
      if (file.isStored && config.after !== "keep") await this.#putAway(file);
      return;
    }
    if (!file.isAsRead(found)) {
      const outcome = await this.#read(file);
      if (outcome === "replaced") this.#wake();
      if (outcome !== "end") return;
    }
    const isSettled = !config.follow || Date.now() - (file.modifiedMs ?? 0) >= config["settle-time"];
    if (!isSettled || (config.follow && config.after === "keep")) return;
    await file.finish((decoded) => this.#take(file, decoded));
    this.#checkpoint(() => {
      file.isStored = true;
      this.#wake();
    });
  }

  async #read(file: TrackedFile): Promise<ReadOutcome> {
    const { signal, logger } = this.#context;
    this.#open = [...this.#open.filter((one) => one !== file), file];
    if (this.#open.length > OPEN_FILES_MAX) await this.#open.shift()?.close();
    return await file.read(
      (decoded) => this.#take(file, decoded),
      signal,
      (why) => logger.warn({ path: file.path, why }, "a file was written anew: it is read from its beginning"),
    );
  }

  async #take(file: TrackedFile, decoded: Decoded): Promise<void> {
    try {
      this.#sinceCheckpointBytes += await handOver(this.#context, file.path, decoded);
    } catch (error) {
      this.#failure = { error };
      throw error;
    }
    this.#hasMoved = true;
    if (performance.now() - this.#lagToldMs >= LAG_INTERVAL_MS) this.#tellLag();
    if (this.#sinceCheckpointBytes >= CHECKPOINT_SIZE_BYTES) this.#checkpoint();
  }

  /** Of files that were rotated away the rest is read before the others: it is not counted. */
  #tellLag(): void {
    this.#lagToldMs = performance.now();
    const waiting = this.#listed.map(({ id, sizeBytes }) => this.#files.get(id)?.behindBytes(sizeBytes) ?? 0);
    this.#context.lag(waiting.reduce((sum, one) => sum + one, 0));
  }

  #checkpoint(stored?: () => void): void {
    this.#sinceCheckpointBytes = 0;
    this.#hasMoved = false;
    const position = toPosition([...this.#files.values()].map(({ place }) => place));
    this.#context.checkpoint({ position, ...(stored === undefined ? {} : { stored }) });
  }

  /** Does what `after` says with a file whose records are stored. */
  async #putAway(file: TrackedFile): Promise<void> {
    const { config } = this.#context;
    if (config.after === "rename") await rename(file.path, `${file.path}${config["rename-suffix"]}`);
    else await unlink(file.path);
    await file.close();
    this.#forget(file, config.after === "rename" ? "renamed a file that is stored" : "deleted a file that is stored");
  }

  #forget(file: TrackedFile, what: string): void {
    this.#files.delete(file.id);
    this.#open = this.#open.filter((one) => one !== file);
    this.#missingSinceMs.delete(file.id);
    this.#hasMoved = true;
    this.#context.logger.info({ path: file.path, offset: file.place.offset }, what);
  }

  /** A file that cannot be read leaves the others alone. */
  async #try(problems: string[], path: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (this.#failure !== undefined) throw this.#failure.error;
      problems.push(said(error, path));
    }
  }
}

function isMissing(error: Error): boolean {
  return "code" in error && error.code === "ENOENT";
}

const MEANINGS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file or folder",
  EACCES: "permission denied",
  EPERM: "not permitted",
  Z_BUF_ERROR: "the packed file is not complete",
};

function said(error: unknown, path?: string): string {
  if (!(error instanceof Error)) return String(error);
  const { code = "", path: own = path } = error as NodeJS.ErrnoException;
  const meaning = MEANINGS[code];
  return meaning === undefined ? `${own === undefined ? "" : `${own}: `}${error.message}` : `${own}: ${meaning}`;
}
