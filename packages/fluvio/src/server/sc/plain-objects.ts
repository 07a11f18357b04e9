import type {
  MetadataOf,
  MirrorSpec,
  SpuGroupSpec,
  StatusInput,
  TableFormatSpec,
  WireError,
} from "../../protocol/index.ts";
import { KeyedMutex } from "./keyed-mutex.ts";
import { didYouMean, objectNameProblem } from "./names.ts";
import type { ObjectStore } from "./object-store.ts";
import { okStatus, refusal } from "./refusal.ts";
import type { ScContext } from "./stores.ts";

/** Objects that are only stored: nothing in the cluster acts on them. */
type PlainLabel = "TableFormat" | "SpuGroup" | "Mirror";

const KINDS = {
  TableFormat: { noun: "TableFormat", list: "fluvio table-format list" },
  SpuGroup: { noun: "SpuGroup", list: "fluvio cluster spg list" },
  Mirror: { noun: "Mirror", list: "fluvio remote list" },
} as const;

/** Table formats, SPU groups and mirrors. */
export class PlainObjects {
  readonly #context: ScContext;
  readonly #mutex = new KeyedMutex();

  constructor(context: ScContext) {
    this.#context = context;
  }

  createTableFormat(name: string, spec: TableFormatSpec, dryRun: boolean): Promise<StatusInput> {
    const object: MetadataOf<"TableFormat"> = { name, spec, status: { resolution: "init", reason: undefined } };
    return this.#create("TableFormat", this.#context.stores.tableFormats, object, {
      dryRun,
      exists: { name: "TableFormatAlreadyExists" },
    });
  }

  createSpuGroup(name: string, spec: SpuGroupSpec, dryRun: boolean): Promise<StatusInput> {
    const object: MetadataOf<"SpuGroup"> = { name, spec, status: { resolution: "init", reason: undefined } };
    return this.#create("SpuGroup", this.#context.stores.spuGroups, object, { dryRun });
  }

  createMirror(name: string, spec: MirrorSpec, dryRun: boolean): Promise<StatusInput> {
    const status: MetadataOf<"Mirror">["status"] = {
      connectionStatus: "offline",
      pairingSc: { type: "waiting" },
      pairingSpu: { type: "waiting" },
      lastSeenMs: 0,
    };
    // a home's data is meant to be replaced: it is exported again when certificates change
    const replace = spec.type === "home";
    const exists: WireError = { name: "MirrorAlreadyExists" };
    return this.#create("Mirror", this.#context.stores.mirrors, { name, spec, status }, { dryRun, replace, exists });
  }

  deleteTableFormat(name: string): Promise<StatusInput> {
    return this.#delete("TableFormat", this.#context.stores.tableFormats, name, { name: "TableFormatNotFound" });
  }

  deleteSpuGroup(name: string): Promise<StatusInput> {
    return this.#delete("SpuGroup", this.#context.stores.spuGroups, name);
  }

  deleteMirror(name: string): Promise<StatusInput> {
    return this.#delete("Mirror", this.#context.stores.mirrors, name, { name: "MirrorNotFound" });
  }

  /** `exists` is left out where the protocol has no code: the sentence goes as `Other`. */
  #create<L extends PlainLabel>(
    label: L,
    store: ObjectStore<L>,
    object: MetadataOf<L>,
    options: { readonly dryRun: boolean; readonly replace?: boolean; readonly exists?: WireError },
  ): Promise<StatusInput> {
    const { noun } = KINDS[label];
    const { name } = object;
    return this.#mutex.run(`${label}/${name}`, async () => {
      const problem = objectNameProblem(noun, name);
      if (problem !== undefined) throw refusal({ name: "InvalidCreateRequest" }, problem);
      if (store.has(name) && options.replace !== true) {
        const sentence = `${noun} already exists: ${name}. Choose another name, or delete it first`;
        throw refusal(options.exists ?? { name: "Other", message: sentence }, sentence);
      }
      if (options.dryRun) return okStatus(name);
      await this.#context.metadata.commit([
        { type: "put", label, object } as Parameters<ScContext["metadata"]["commit"]>[0][number],
      ]);
      store.put(object);
      return okStatus(name);
    });
  }

  #delete<L extends PlainLabel>(
    label: L,
    store: ObjectStore<L>,
    name: string,
    missing?: WireError,
  ): Promise<StatusInput> {
    const { noun, list } = KINDS[label];
    return this.#mutex.run(`${label}/${name}`, async () => {
      if (!store.has(name)) {
        const sentence = `${noun} not found: ${name}.${didYouMean(name, store.names())} List them with \`${list}\``;
        throw refusal(missing ?? { name: "Other", message: sentence }, sentence);
      }
      await this.#context.metadata.commit([{ type: "delete", label, name }]);
      store.delete(name);
      return okStatus(name);
    });
  }
}
