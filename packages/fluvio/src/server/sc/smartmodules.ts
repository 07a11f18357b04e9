import { promisify } from "node:util";
import { gunzip, gzip } from "node:zlib";
import { isFluvioError, type MetadataOf, type SmartModuleSpec, type StatusInput } from "../../protocol/index.ts";
import { KeyedMutex } from "./keyed-mutex.ts";
import { didYouMean, objectNameProblem } from "./names.ts";
import { matchesQualified, parseQualifiedName, type QualifiedName, storeKey } from "./qualified-name.ts";
import { okStatus, refusal } from "./refusal.ts";
import type { SpuLinks } from "./spu-links.ts";
import type { ScContext } from "./stores.ts";

/** Largest module when unpacked: bounds what a small gzip stream can cost. */
const WASM_BYTES_MAX = 128 * 1024 * 1024;
const WASM_MAGIC = [0x00, 0x61, 0x73, 0x6d];
const NO_BYTES = new Uint8Array(0);

const unpack = promisify(gunzip);
const pack = promisify(gzip);

/** Stores SmartModules: what they are in memory, their code on disk. */
export class SmartModules {
  readonly #context: ScContext;
  readonly #links: SpuLinks;
  readonly #mutex = new KeyedMutex();
  readonly #checks = new KeyedMutex();

  constructor(context: ScContext, links: SpuLinks) {
    this.#context = context;
    this.#links = links;
  }

  /** Stores a module; one of the same name is replaced, as clients of the original expect. */
  async create(name: string, spec: SmartModuleSpec, dryRun: boolean): Promise<StatusInput> {
    const key = keyOf(name, spec);
    // one at a time: each may take as much memory as the largest module
    const payload = await this.#checks.run("wasm", () => checkedPayload(key, spec));
    if (dryRun) return okStatus(key);
    return this.#mutex.run(key, async () => {
      const { format } = spec.wasm;
      const object: MetadataOf<"SmartModule"> = {
        name: key,
        spec: { meta: spec.meta, summary: { wasmLength: payload.length }, wasm: { format, payload: NO_BYTES } },
        status: {},
      };
      await this.#context.metadata.commit([
        { type: "put", label: "SmartModule", object },
        { type: "putPayload", name: key, payload },
      ]);
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
      ]);
      this.#context.stores.smartModules.delete(key);
      this.#links.broadcast({ type: "smartModuleChanged", name: key });
      return okStatus(name);
    });
  }

  /** The module that an invocation names, newest version first when several match. */
  find(name: string): { readonly name: string; readonly payload: Uint8Array } | undefined {
    const object = this.#match(name);
    if (object === undefined) return undefined;
    const payload = this.#context.metadata.payload(object.name);
    return payload === undefined ? undefined : { name: object.name, payload };
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
    let newest: MetadataOf<"SmartModule"> | undefined;
    for (const object of stored.values()) {
      if (matchesQualified(object, wanted) && isNewer(object, newest)) newest = object;
    }
    return newest;
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

/** The code as a gzip stream. The original's Python client sends it bare under the same name: it is packed here. */
async function checkedPayload(key: string, { wasm }: SmartModuleSpec): Promise<Uint8Array> {
  const invalid = (error: string, cause?: unknown) =>
    refusal({ name: "SmartModuleInvalid", error, smartmodule: key }, `SmartModule ${key} is invalid: ${error}`, {
      cause,
    });
  if (wasm.format !== "binary") throw invalid("it is WebAssembly text, compile it to a binary module first");
  if (wasm.payload.length === 0) throw invalid("it is empty");
  if (isWasm(wasm.payload)) {
    if (wasm.payload.length > WASM_BYTES_MAX) throw invalid(`it is larger than ${WASM_BYTES_MAX} bytes`);
    return await pack(wasm.payload);
  }
  let code: Uint8Array;
  try {
    code = await unpack(wasm.payload, { maxOutputLength: WASM_BYTES_MAX });
  } catch (cause) {
    if (isFluvioError(cause)) throw cause;
    const reason =
      (cause as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE"
        ? `it is larger than ${WASM_BYTES_MAX} bytes`
        : "its code is no gzip stream";
    throw invalid(reason, cause);
  }
  if (!isWasm(code)) throw invalid("it is no WebAssembly binary, which begins with \\0asm");
  return wasm.payload;
}

function isWasm(code: Uint8Array): boolean {
  return WASM_MAGIC.every((byte, index) => code[index] === byte);
}

function isNewer(object: MetadataOf<"SmartModule">, than: MetadataOf<"SmartModule"> | undefined): boolean {
  if (than === undefined) return true;
  const [a, b] = [object.spec.meta?.package.version, than.spec.meta?.package.version];
  if (a === undefined || b === undefined) return b === undefined && a !== undefined;
  return a.localeCompare(b, "en", { numeric: true }) > 0;
}
