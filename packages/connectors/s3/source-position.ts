import type { Position } from "fluvio/connector";
import type { DecoderPlace } from "../shared/formats/index.ts";

/** An object as a listing has it. */
export interface ListedObject {
  readonly key: string;
  readonly etag: string;
  readonly sizeBytes: number;
  readonly modifiedMs: number;
}

/** How far an object is read. */
export interface ObjectPlace extends DecoderPlace {
  readonly key: string;
  readonly etag: string;
  /** The offset is that of what was packed. */
  readonly isPacked?: boolean;
}

/** Knows which objects are read, and what of it has to be kept. */
export interface Ledger {
  /** Keys up to here need not be listed. */
  readonly listAfter: string | undefined;
  /** Whether an object is read in the order of the listing; otherwise in that of its change. */
  readonly isByKey: boolean;
  isNew(object: ListedObject): boolean;
  /** The object is read to its end. */
  add(object: ListedObject): void;
  /** The object is not there any more. */
  remove(key: string): void;
  /** Objects that are read, as far as they are known. */
  readonly position: Position;
}

/** Objects in the order of their keys: the last key stands for all before it. */
export class KeyLedger implements Ledger {
  readonly isByKey = true;
  #last: string | undefined;

  constructor(position: Position | undefined) {
    this.#last = typeof position === "string" ? position : undefined;
  }

  get listAfter(): string | undefined {
    return this.#last;
  }

  isNew({ key }: ListedObject): boolean {
    return this.#last === undefined || isBehind(key, this.#last);
  }

  add({ key }: ListedObject): void {
    if (this.#last === undefined || isBehind(key, this.#last)) this.#last = key;
  }

  remove(): void {}

  get position(): Position {
    return this.#last ?? null;
  }
}

/** S3 lists keys in the order of their UTF-8 bytes. */
function isBehind(key: string, other: string): boolean {
  return Buffer.compare(Buffer.from(key), Buffer.from(other)) > 0;
}

type Known = readonly [key: string, etag: string, modifiedMs: number];

/**
 * Objects in the order of their change: those of the last while are known one by one, since a listing may show an object
 * later than another that was changed after it; everything before that is read.
 */
export class TimeLedger implements Ledger {
  readonly isByKey = false;
  readonly listAfter = undefined;
  readonly #lateMs: number;
  readonly #known = new Map<string, Known>();
  #newestMs: number;

  /** @param lateMs how much later than another an object may show although it was changed before */
  constructor(position: Position | undefined, lateMs: number) {
    const kept = position as unknown as
      | { readonly newest: number; readonly known: readonly Known[] }
      | null
      | undefined;
    this.#lateMs = lateMs;
    this.#newestMs = kept?.newest ?? 0;
    for (const one of kept?.known ?? []) this.#known.set(one[0], one);
  }

  isNew({ key, etag, modifiedMs }: ListedObject): boolean {
    if (modifiedMs < this.#newestMs - this.#lateMs) return false;
    const known = this.#known.get(key);
    return known === undefined || known[1] !== etag || known[2] !== modifiedMs;
  }

  add({ key, etag, modifiedMs }: ListedObject): void {
    this.#known.set(key, [key, etag, modifiedMs]);
    this.#newestMs = Math.max(this.#newestMs, modifiedMs);
    for (const [one, [, , changedMs]] of this.#known) {
      if (changedMs < this.#newestMs - this.#lateMs) this.#known.delete(one);
    }
  }

  remove(): void {}

  get position(): Position {
    return { newest: this.#newestMs, known: [...this.#known.values()] };
  }
}

/** Objects that are taken away when they are read: those that are still there are known one by one. */
export class TakingLedger implements Ledger {
  readonly isByKey: boolean;
  readonly listAfter = undefined;
  readonly #known = new Map<string, string>();

  constructor(position: Position | undefined, isByKey: boolean) {
    this.isByKey = isByKey;
    for (const [key, etag] of (position ?? []) as unknown as readonly (readonly [string, string])[]) {
      this.#known.set(key, etag);
    }
  }

  isNew({ key, etag }: ListedObject): boolean {
    return this.#known.get(key) !== etag;
  }

  add({ key, etag }: ListedObject): void {
    this.#known.set(key, etag);
  }

  remove(key: string): void {
    this.#known.delete(key);
  }

  get position(): Position {
    return [...this.#known];
  }
}

/** What is kept of a source: the objects that are read, and how far the next one is. */
export interface SourcePlace {
  readonly ledger: Position | undefined;
  readonly current: ObjectPlace | undefined;
}

export function toPosition(ledger: Ledger, current: ObjectPlace | undefined): Position {
  if (current === undefined) return { read: ledger.position };
  const { key, etag, offset, state, isPacked } = current;
  return {
    read: ledger.position,
    current: {
      key,
      etag,
      offset,
      ...(state === undefined ? {} : { state }),
      ...(isPacked === true ? { isPacked } : {}),
    },
  };
}

export function fromPosition(position: Position | undefined): SourcePlace {
  const kept = position as unknown as { readonly read: Position; readonly current?: ObjectPlace } | undefined;
  return { ledger: kept?.read, current: kept?.current };
}
