import { mkdir, statfs } from "node:fs/promises";
import { join } from "node:path";
import { type Database, open, type RootDatabase } from "lmdb";
import {
  type Codec,
  decode,
  encode,
  flvError,
  KeptConnectorPosition,
  type MetadataOf,
  OBJECTS,
  type ObjectLabel,
  SmartModuleInspection,
} from "../../protocol/index.ts";
import { messageOf } from "../message-of.ts";
import type { StoredSecret } from "./secrets.ts";

/** Version of the layout below; a store with a higher one was written by a later release and is not touched. */
const SCHEMA_VERSION = 1;
/** Objects are stored as the wire has them, in this version of the admin protocol. */
const OBJECT_VERSION = 19;
/** Inspections are stored as the wire has them, likewise. */
const INSPECTION_VERSION = 0;
/** Positions of connectors likewise. */
const POSITION_VERSION = 0;
/** Before a sealed secret. */
const SECRET_TIME_BYTES = 8;
/**
 * Room that is kept inside the store's file, so that topics can be deleted when the disk is full: every commit writes
 * pages anew before old ones are free.
 */
const RESERVE_BYTES = 1024 * 1024;
/** A write that failed with less free space than this failed for want of it. */
const DISK_FULL_BELOW_BYTES = 1024 * 1024;

/**
 * Data of a partition that an SPU has still to delete, or what is kept for a deleted topic: consumer offsets (`offsets`),
 * states of aggregates (`states`).
 */
export type Removal =
  | { readonly kind: "replica"; readonly topic: string; readonly partition: number; readonly spuId: number }
  | { readonly kind: "offsets" | "states"; readonly topic: string };

export type MetadataChange =
  | {
      readonly [L in ObjectLabel]: { readonly type: "put"; readonly label: L; readonly object: MetadataOf<L> };
    }[ObjectLabel]
  | { readonly type: "delete"; readonly label: ObjectLabel; readonly name: string }
  | { readonly type: "putPayload"; readonly name: string; readonly payload: Uint8Array }
  | { readonly type: "deletePayload"; readonly name: string }
  | { readonly type: "putInspection"; readonly inspection: SmartModuleInspection }
  | { readonly type: "deleteInspection"; readonly name: string }
  | { readonly type: "putConnectorPosition"; readonly kept: KeptConnectorPosition }
  | { readonly type: "deleteConnectorPosition"; readonly name: string }
  | { readonly type: "putSecret"; readonly secret: StoredSecret }
  | { readonly type: "deleteSecret"; readonly name: string }
  | { readonly type: "putRemoval"; readonly removal: Removal }
  | { readonly type: "deleteRemoval"; readonly removal: Removal };

/** What the SC remembers over restarts. */
export interface MetadataStore extends AsyncDisposable {
  /** True when it was created by this opening. */
  readonly isNew: boolean;
  load<L extends ObjectLabel>(label: L): readonly MetadataOf<L>[];
  removals(): readonly Removal[];
  /** What was found in stored SmartModules; what cannot be read is left out, as it can be found anew. */
  inspections(): readonly SmartModuleInspection[];
  /** Positions of source connectors; one that cannot be read is left out: that connector begins anew. */
  connectorPositions(): readonly KeptConnectorPosition[];
  /** Secrets as they are kept: sealed. */
  secrets(): readonly StoredSecret[];
  /** Payload of a SmartModule, a copy; `undefined` when there is none. */
  payload(name: string): Uint8Array | undefined;
  /**
   * All of the changes or none; resolves when they are on disk. Calls made at the same time share one sync.
   * @throws FLV_STORAGE | FLV_DISK_FULL
   */
  commit(changes: readonly MetadataChange[]): Promise<void>;
}

/** A change with its bytes made, so that nothing can fail inside the transaction. */
type Write = {
  readonly db: Database<Uint8Array, string>;
  readonly key: string;
  readonly value: Uint8Array | undefined;
};

/**
 * Opens the metadata under `<dataDir>/metadata`, creating it when absent.
 * @throws FLV_FILE when the folder cannot be written | FLV_CLUSTER_START when a later release wrote it | FLV_STORAGE when it is damaged
 */
export async function openMetadataStore(dataDir: string): Promise<MetadataStore> {
  const path = join(dataDir, "metadata");
  const root = await openEnvironment(path);
  try {
    const schema = root.openDB<Uint8Array, string>({ name: "schema", encoding: "binary" });
    const isNew = await checkSchema(schema, path);
    await keepReserve(schema);
    return new LmdbMetadataStore(root, path, schema, isNew);
  } catch (error) {
    await root.close();
    throw error;
  }
}

async function openEnvironment(path: string): Promise<RootDatabase> {
  try {
    await mkdir(path, { recursive: true });
    // with overlappingSync a commit would resolve before it is on disk; with eventTurnBatching the library keeps a promise
    // to itself whose rejection, at a full disk, ends the process
    return open({ path, noSubdir: false, maxDbs: 8, overlappingSync: false, eventTurnBatching: false });
  } catch (cause) {
    throw flvError("FLV_FILE", `The metadata folder ${path} cannot be opened: ${messageOf(cause)}`, {
      details: { path },
      hint: "Check that this user may write to the data folder, or choose another one with --data-dir.",
      cause,
    });
  }
}

/** Leaves free pages in the file: what is written and removed again. A full disk has none to give, and that is no error. */
async function keepReserve(schema: Database<Uint8Array, string>, isClosed = () => false): Promise<void> {
  try {
    await schema.transaction(() => void schema.put("reserve", new Uint8Array(RESERVE_BYTES)));
    if (!isClosed()) await schema.transaction(() => void schema.remove("reserve"));
  } catch (failure) {
    await causeOf(failure);
  }
}

/** True when the store is new. */
async function checkSchema(schema: Database<Uint8Array, string>, path: string): Promise<boolean> {
  const stored = schema.get("version");
  if (stored === undefined) {
    await schema.put("version", new TextEncoder().encode(String(SCHEMA_VERSION)));
    return true;
  }
  const version = Number(new TextDecoder().decode(stored));
  if (version === SCHEMA_VERSION) return false;
  throw flvError(
    "FLV_CLUSTER_START",
    `The metadata in ${path} has layout ${version}, this release knows ${SCHEMA_VERSION}`,
    {
      details: { path, found: version, known: SCHEMA_VERSION },
      hint: "A later release of fluvio wrote it: start that release, or choose another data folder with --data-dir.",
    },
  );
}

class LmdbMetadataStore implements MetadataStore {
  readonly isNew: boolean;
  readonly #root: RootDatabase;
  readonly #path: string;
  readonly #schema: Database<Uint8Array, string>;
  readonly #objects: Database<Uint8Array, string>;
  readonly #payloads: Database<Uint8Array, string>;
  readonly #removals: Database<Uint8Array, string>;
  readonly #inspections: Database<Uint8Array, string>;
  readonly #positions: Database<Uint8Array, string>;
  readonly #secrets: Database<Uint8Array, string>;
  #closed = false;

  constructor(root: RootDatabase, path: string, schema: Database<Uint8Array, string>, isNew: boolean) {
    this.#root = root;
    this.#path = path;
    this.#schema = schema;
    this.isNew = isNew;
    this.#objects = root.openDB({ name: "objects", encoding: "binary" });
    this.#payloads = root.openDB({ name: "payloads", encoding: "binary" });
    this.#removals = root.openDB({ name: "removals", encoding: "binary" });
    this.#inspections = root.openDB({ name: "inspections", encoding: "binary" });
    this.#positions = root.openDB({ name: "connector-positions", encoding: "binary" });
    this.#secrets = root.openDB({ name: "secrets", encoding: "binary" });
  }

  load<L extends ObjectLabel>(label: L): readonly MetadataOf<L>[] {
    const objects: MetadataOf<L>[] = [];
    // "0" follows "/" in every encoding: the range holds the keys of this label only
    for (const { key, value } of this.#objects.getRange({ start: `${label}/`, end: `${label}0` })) {
      try {
        const codec = OBJECTS[label] as Codec<unknown, unknown>;
        objects.push(decode(codec, value, OBJECT_VERSION) as MetadataOf<L>);
      } catch (cause) {
        throw flvError("FLV_STORAGE", `The metadata in ${this.#path} is damaged at ${key}`, {
          details: { path: this.#path, key },
          hint: "Restore the metadata folder from a copy; the records of the topics are kept elsewhere and not touched.",
          cause,
        });
      }
    }
    return objects;
  }

  removals(): readonly Removal[] {
    return [...this.#removals.getRange({})].map(({ value }) => JSON.parse(new TextDecoder().decode(value)) as Removal);
  }

  inspections(): readonly SmartModuleInspection[] {
    return readable(this.#inspections, (value) => decode(SmartModuleInspection, value, INSPECTION_VERSION));
  }

  connectorPositions(): readonly KeptConnectorPosition[] {
    // the store's memory is not ours to keep
    return readable(this.#positions, (value) => decode(KeptConnectorPosition, value.slice(), POSITION_VERSION));
  }

  secrets(): readonly StoredSecret[] {
    return [...this.#secrets.getRange({})].map(({ key, value }) => {
      const setTimeMs = Number(new DataView(value.buffer, value.byteOffset).getBigInt64(0));
      return { name: key, setTimeMs, sealed: value.slice(SECRET_TIME_BYTES) };
    });
  }

  payload(name: string): Uint8Array | undefined {
    const payload = this.#closed ? undefined : this.#payloads.get(name);
    return payload === undefined ? undefined : Uint8Array.from(payload);
  }

  commit(changes: readonly MetadataChange[]): Promise<void> {
    // the library must not be used once it is closed: it would take the process down
    if (this.#closed)
      return Promise.reject(flvError("FLV_STORAGE", "The metadata store is closed", { retriable: true }));
    return this.#commit(changes.map((change) => this.#write(change)));
  }

  async #commit(writes: readonly Write[]): Promise<void> {
    try {
      await this.#root.transaction(() => {
        // puts inside a transaction are done at once; the transaction's promise speaks for them
        for (const { db, key, value } of writes) {
          if (value === undefined) void db.remove(key);
          else void db.put(key, value);
        }
      });
      // a payload may have taken the reserve
      if (writes.some(({ db }) => db === this.#payloads) && !this.#closed) {
        await keepReserve(this.#schema, () => this.#closed);
      }
    } catch (failure) {
      throw await this.#writeError(await causeOf(failure));
    }
  }

  async #writeError(cause: unknown): Promise<Error> {
    const full = /MDB_MAP_FULL|ENOSPC|[Nn]o space/.test(messageOf(cause)) || (await isFull(this.#path));
    const hint = full
      ? "Free some space on the disk, then try again."
      : "Check the disk and the data folder's permissions.";
    const sentence = `Metadata could not be written to ${this.#path}: ${messageOf(cause)}`;
    const details = { path: this.#path };
    return flvError(full ? "FLV_DISK_FULL" : "FLV_STORAGE", sentence, { details, hint, retriable: true, cause });
  }

  #write(change: MetadataChange): Write {
    switch (change.type) {
      case "put": {
        const codec = OBJECTS[change.label] as Codec<unknown, unknown>;
        const value = encode(codec, change.object, OBJECT_VERSION);
        return { db: this.#objects, key: `${change.label}/${change.object.name}`, value };
      }
      case "delete":
        return { db: this.#objects, key: `${change.label}/${change.name}`, value: undefined };
      case "putPayload":
        return { db: this.#payloads, key: change.name, value: change.payload };
      case "deletePayload":
        return { db: this.#payloads, key: change.name, value: undefined };
      case "putInspection": {
        const value = encode(SmartModuleInspection, change.inspection, INSPECTION_VERSION);
        return { db: this.#inspections, key: change.inspection.name, value };
      }
      case "deleteInspection":
        return { db: this.#inspections, key: change.name, value: undefined };
      case "putConnectorPosition": {
        const value = encode(KeptConnectorPosition, change.kept, POSITION_VERSION);
        return { db: this.#positions, key: change.kept.name, value };
      }
      case "deleteConnectorPosition":
        return { db: this.#positions, key: change.name, value: undefined };
      case "putSecret":
        return { db: this.#secrets, key: change.secret.name, value: secretBytes(change.secret) };
      case "deleteSecret":
        return { db: this.#secrets, key: change.name, value: undefined };
      case "putRemoval":
        return {
          db: this.#removals,
          key: removalKey(change.removal),
          value: new TextEncoder().encode(JSON.stringify(change.removal)),
        };
      case "deleteRemoval":
        return { db: this.#removals, key: removalKey(change.removal), value: undefined };
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    // waits for transactions under way
    await this.#root.close();
  }
}

/** When it was set, then what is sealed. */
function secretBytes({ setTimeMs, sealed }: StoredSecret): Uint8Array {
  const value = Buffer.alloc(SECRET_TIME_BYTES + sealed.length);
  value.writeBigInt64BE(BigInt(setTimeMs));
  value.set(sealed, SECRET_TIME_BYTES);
  return value;
}

/** Entries without those that cannot be read. */
function readable<T>(db: Database<Uint8Array, string>, read: (value: Uint8Array) => T): readonly T[] {
  return [...db.getRange({})].flatMap(({ value }) => {
    try {
      return read(value);
    } catch {
      return [];
    }
  });
}

/** Names a removal. */
export function removalKey(removal: Removal): string {
  return removal.kind === "replica"
    ? `replica/${removal.spuId}/${removal.topic}-${removal.partition}`
    : `${removal.kind}/${removal.topic}`;
}

/** A failed commit rejects with a promise of the reason, which nobody else handles. */
async function causeOf(failure: unknown): Promise<unknown> {
  if (!(failure instanceof Error) || !("commitError" in failure)) return failure;
  return Promise.resolve(failure.commitError).then(
    () => failure,
    (cause: unknown) => cause,
  );
}

/** A write for which there is room in part only fails as a plain input/output error. */
async function isFull(path: string): Promise<boolean> {
  const disk = await statfs(path).catch(() => undefined);
  return disk !== undefined && disk.bavail * disk.bsize < DISK_FULL_BELOW_BYTES;
}
