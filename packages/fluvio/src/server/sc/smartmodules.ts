import {
  type MetadataOf,
  meantSmartModule,
  type SmartModuleInspection,
  type SmartModuleSpec,
  type StatusInput,
} from "../../protocol/index.ts";
import type { StoredModule } from "../link.ts";
import { KeyedMutex } from "./keyed-mutex.ts";
import type { ModuleInspector } from "./module-inspector.ts";
import { didYouMean, objectNameProblem } from "./names.ts";
import { matchesQualified, parseQualifiedName, type QualifiedName, storeKey } from "./qualified-name.ts";
import { okStatus, refusal } from "./refusal.ts";
import type { SpuLinks } from "./spu-links.ts";
import type { ScContext } from "./stores.ts";

const NO_BYTES = new Uint8Array(0);

/**
 * Stores SmartModules: what they are in memory, their code on disk. What cannot run is stored too, as the original does,
 * and its use is refused with the reason.
 */
export class SmartModules {
  readonly #context: ScContext;
  readonly #links: SpuLinks;
  readonly #inspector: ModuleInspector;
  readonly #inspections: Map<string, SmartModuleInspection>;
  readonly #mutex = new KeyedMutex();

  constructor(context: ScContext, links: SpuLinks, inspector: ModuleInspector) {
    this.#context = context;
    this.#links = links;
    this.#inspector = inspector;
    this.#inspections = new Map(context.metadata.inspections().map((found) => [found.name, found]));
  }

  /** Stores a module; one of the same name is replaced, as clients of the original expect. */
  async create(name: string, spec: SmartModuleSpec, dryRun: boolean): Promise<StatusInput> {
    const key = keyOf(name, spec);
    if (dryRun) return okStatus(key);
    return this.#mutex.run(key, async () => {
      const { payload, inspection } = await this.#inspector.inspect(key, spec.wasm);
      const { format } = spec.wasm;
      const object: MetadataOf<"SmartModule"> = {
        name: key,
        spec: { meta: spec.meta, summary: { wasmLength: payload.length }, wasm: { format, payload: NO_BYTES } },
        status: {},
      };
      await this.#context.metadata.commit([
        { type: "put", label: "SmartModule", object },
        { type: "putPayload", name: key, payload },
        { type: "putInspection", inspection },
      ]);
      this.#inspections.set(key, inspection);
      this.#context.stores.smartModules.put(object);
      this.#links.broadcast({ type: "smartModuleChanged", name: key });
      return okStatus(key);
    });
  }

  async delete(name: string): Promise<StatusInput> {
    const key = this.#existing(name).name;
    return this.#mutex.run(key, async () => {
      if (!this.#context.stores.smartModules.has(key)) throw this.#notFound(name);
      await this.#context.metadata.commit([
        { type: "delete", label: "SmartModule", name: key },
        { type: "deletePayload", name: key },
        { type: "deleteInspection", name: key },
      ]);
      this.#inspections.delete(key);
      this.#context.stores.smartModules.delete(key);
      this.#links.broadcast({ type: "smartModuleChanged", name: key });
      return okStatus(name);
    });
  }

  /** The module that an invocation names, newest version first when several match. */
  find(name: string): StoredModule | undefined {
    const object = this.#match(name);
    if (object === undefined) return undefined;
    const found = this.#inspections.get(object.name);
    if (found?.problem !== undefined) {
      const problem = { ...found.problem, isPacked: found.wasmSizeBytes !== undefined };
      return { name: object.name, payload: NO_BYTES, problem };
    }
    const payload = this.#context.metadata.payload(object.name);
    return payload === undefined ? undefined : { name: object.name, payload };
  }

  /** Key of the stored module that `name` means. @throws a refusal when there is none */
  keyOf(name: string): string {
    return this.#existing(name).name;
  }

  /** What is known of the module of this key. */
  inspection(key: string): SmartModuleInspection {
    const known = this.#inspections.get(key);
    if (known !== undefined) return known;
    const storedSizeBytes = this.#context.stores.smartModules.get(key)?.spec.summary?.wasmLength ?? 0;
    return {
      name: key,
      storedSizeBytes,
      wasmSizeBytes: undefined,
      sha256: undefined,
      traits: undefined,
      problem: undefined,
    };
  }

  /**
   * Inspects the modules of which nothing is known, and those that could not run: this release, or its limits, may
   * take them. A failure leaves what was known.
   */
  async inspectAgain(closing: AbortSignal): Promise<void> {
    for (const key of [...this.#context.stores.smartModules.names()]) {
      if (closing.aborted) return;
      if (this.inspection(key).traits === undefined)
        await this.#mutex.run(key, () => this.#inspectStored(key, closing));
    }
  }

  async #inspectStored(key: string, closing: AbortSignal): Promise<void> {
    const format = this.#context.stores.smartModules.get(key)?.spec.wasm.format;
    const payload = this.#context.metadata.payload(key);
    if (format === undefined || payload === undefined) return;
    const { inspection } = await this.#inspector.inspect(key, { format, payload });
    const isKnown = inspection.traits !== undefined || inspection.problem !== undefined;
    if (!isKnown || closing.aborted) return;
    await this.#context.metadata.commit([{ type: "putInspection", inspection }]);
    this.#inspections.set(key, inspection);
  }

  /** As a reader asks for it: with its code, or with the code's length only. */
  present(object: MetadataOf<"SmartModule">, summary: boolean): MetadataOf<"SmartModule"> {
    if (summary) return object;
    const { meta, wasm } = object.spec;
    const payload = this.#context.metadata.payload(object.name) ?? NO_BYTES;
    return { ...object, spec: { meta, summary: undefined, wasm: { format: wasm.format, payload } } };
  }

  /** Modules that one of the filters names; all when there are none. */
  list(filters: readonly string[]): readonly MetadataOf<"SmartModule">[] {
    const all = [...this.#context.stores.smartModules.values()];
    if (filters.length === 0) return all;
    const wanted = filters.map(parseQualifiedName);
    return all.filter((object) => wanted.some((filter) => matchesQualified(object, filter)));
  }

  #existing(name: string): MetadataOf<"SmartModule"> {
    const object = this.#match(name);
    if (object === undefined) throw this.#notFound(name);
    return object;
  }

  #match(name: string): MetadataOf<"SmartModule"> | undefined {
    const stored = this.#context.stores.smartModules;
    const exact = stored.get(name);
    if (exact !== undefined) return exact;
    const wanted: QualifiedName = parseQualifiedName(name);
    const byKey = wanted.group === undefined || wanted.version === undefined ? undefined : stored.get(storeKey(wanted));
    if (byKey !== undefined) return byKey;
    const matching = [...stored.values()].filter((object) => matchesQualified(object, wanted));
    return meantSmartModule(name, matching);
  }

  #notFound(name: string): Error {
    const suggestion = didYouMean(name, this.#context.stores.smartModules.names());
    const sentence = `SmartModule not found: ${name}.${suggestion} List the SmartModules with \`fluvio smartmodule list\``;
    return refusal({ name: "SmartModuleNotFound", smartmodule: name }, sentence);
  }
}

function keyOf(name: string, { meta }: SmartModuleSpec): string {
  if (meta === undefined) {
    const problem = objectNameProblem("SmartModule", name);
    if (problem !== undefined) throw refusal({ name: "SmartModuleError" }, problem);
    return name;
  }
  const { name: packageName, group, version } = meta.package;
  if (packageName === "" || group === "") {
    const missing = packageName === "" ? "name" : "group";
    throw refusal(
      { name: "SmartModuleError" },
      `Invalid SmartModule package: its ${missing} is empty. Set it in SmartModule.toml`,
    );
  }
  const key = storeKey({ name: packageName, group, version });
  // versions may carry build metadata behind a plus sign
  const problem = objectNameProblem("SmartModule", key.replaceAll("+", "-"));
  if (problem !== undefined) throw refusal({ name: "SmartModuleError" }, problem);
  return key;
}
