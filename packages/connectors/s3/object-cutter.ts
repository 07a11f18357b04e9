import type { SinkGroup, SinkRecord } from "fluvio/connector";
import { type DocumentOptions, extensionOf, type Piece, pieceOf } from "../shared/formats/index.ts";
import { keyOf, type ObjectPath } from "./object-path.ts";

/** An object that is to be written. */
export interface ObjectToWrite {
  readonly key: string;
  readonly pieces: readonly Piece[];
}

interface OpenObject {
  readonly partition: number;
  readonly firstOffset: number;
  readonly pieces: Piece[];
}

/** How far a partition is written. */
interface Written {
  readonly offset: number;
  /** So many objects before begin with this offset. */
  readonly parts: number;
}

/**
 * Cuts groups of records into objects: by partition, and by what the path has of a record. An object is named by its first
 * record, so that a group which is repeated from the same place overwrites the objects that it wrote before.
 */
export class ObjectCutter {
  readonly #path: ObjectPath;
  readonly #options: DocumentOptions;
  readonly #extension: string;
  readonly #written = new Map<number, Written>();

  constructor(path: ObjectPath, options: DocumentOptions) {
    this.#path = path;
    this.#options = options;
    this.#extension = extensionOf(options);
  }

  /** Refuses what has no place in an object. */
  cut(group: SinkGroup): ObjectToWrite[] {
    const objects = new Map<string, OpenObject>();
    for (const record of group.records) {
      const piece = pieceOf(record, this.#options);
      const folder = this.#path.folderOf(record, this.#extension);
      if (typeof piece === "string" || "problem" in folder) {
        group.refuse(record, typeof piece === "string" ? piece : "problem" in folder ? folder.problem : "");
        continue;
      }
      const id = `${record.partition} ${folder.text}`;
      let object = objects.get(id);
      if (object === undefined) {
        object = { partition: record.partition, firstOffset: record.offset, pieces: [] };
        objects.set(id, object);
      }
      object.pieces.push(piece);
    }
    return [...objects].map(([id, { partition, firstOffset, pieces }]) => {
      const folder = id.slice(id.indexOf(" ") + 1);
      return { key: keyOf(folder, firstOffset, this.#part(partition, firstOffset)), pieces };
    });
  }

  /** The objects of a group are all there. */
  written({ records }: SinkGroup): void {
    const last = new Map<number, SinkRecord>();
    const first = new Map<number, SinkRecord>();
    for (const record of records) {
      if (!first.has(record.partition)) first.set(record.partition, record);
      last.set(record.partition, record);
    }
    for (const [partition, { offset }] of last) {
      const isSame = first.get(partition)?.offset === offset;
      this.#written.set(partition, { offset, parts: isSame ? this.#part(partition, offset) : 0 });
    }
  }

  /** What a SmartModule makes of one record has one offset, and may come in several groups. */
  #part(partition: number, offset: number): number {
    const before = this.#written.get(partition);
    return before?.offset === offset ? before.parts + 1 : 0;
  }
}
