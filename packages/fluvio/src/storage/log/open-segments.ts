import type { FileSystem } from "./file-system.ts";
import { scanSegment } from "./scan.ts";
import { OpenSegment, type Segment } from "./segment.ts";
import { SparseIndex } from "./sparse-index.ts";

/**
 * Files and indexes of segments that are no longer written, opened when read and closed again when too many are open.
 * The active segment of each partition is not counted: its writer holds it.
 */
export class OpenSegments {
  readonly #fileSystem: FileSystem;
  readonly #filesMax: number;
  /** Open segments, the one used longest ago first. */
  readonly #open = new Set<Segment>();
  readonly #opening = new Map<Segment, Promise<void>>();

  constructor(fileSystem: FileSystem, filesMax: number) {
    this.#fileSystem = fileSystem;
    this.#filesMax = filesMax;
  }

  /** Opens the segment if need be. The caller must release what it gets; nothing when the segment is gone. */
  async acquire(segment: Segment): Promise<OpenSegment | undefined> {
    // It may be closed again, as one too many, between being opened and this going on.
    while (!segment.opened) {
      if (segment.isGone) return undefined;
      await this.#openOnce(segment);
    }
    const { opened } = segment;
    opened.acquire();
    if (this.#open.delete(segment)) this.#open.add(segment);
    return opened;
  }

  /** Takes over a segment that was active until now. */
  async adopt(segment: Segment): Promise<void> {
    this.#open.add(segment);
    await this.#closeSurplus();
  }

  /** Closes a segment for good, once its readers are done. */
  async drop(segment: Segment): Promise<void> {
    segment.isGone = true;
    // What goes wrong there is told to the reader that waits for it.
    await this.#opening.get(segment)?.catch(() => {});
    await this.#close(segment);
  }

  async #close(segment: Segment): Promise<void> {
    this.#open.delete(segment);
    const { opened } = segment;
    segment.opened = undefined;
    await opened?.retire();
  }

  #openOnce(segment: Segment): Promise<void> {
    let opening = this.#opening.get(segment);
    if (!opening) {
      opening = this.#load(segment).finally(() => this.#opening.delete(segment));
      this.#opening.set(segment, opening);
    }
    return opening;
  }

  async #load(segment: Segment): Promise<void> {
    const file = await this.#fileSystem.open(segment.logPath, "read");
    try {
      const saved = await this.#fileSystem.readFile(segment.indexPath);
      const index = saved && SparseIndex.decode(saved);
      const scan = index ? undefined : await scanSegment(file, segment.sizeBytes, segment.baseOffset);
      segment.opened = new OpenSegment(file, index ?? scan!.index);
    } catch (error) {
      await file.close();
      throw error;
    }
    this.#open.add(segment);
    await this.#closeSurplus();
  }

  async #closeSurplus(): Promise<void> {
    for (const oldest of this.#open) {
      if (this.#open.size <= this.#filesMax) return;
      await this.#close(oldest);
    }
  }
}
