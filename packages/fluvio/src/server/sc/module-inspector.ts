import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { gunzip, gzip } from "node:zlib";
import {
  type FluvioError,
  isFluvioError,
  isWasm,
  isWasmText,
  type SmartModuleInspection,
  type SmartModuleSpec,
} from "../../protocol/index.ts";
import { type ModuleInspection, moduleNames, type SmartEngine } from "../../smartengine/index.ts";
import { KeyedMutex } from "./keyed-mutex.ts";

/** Largest module when unpacked: bounds what a small gzip stream can cost. */
const WASM_BYTES_MAX = 128 * 1024 * 1024;
/** Most exports and imports that are kept: a module may have millions. */
const NAMES_MAX = 256;
const TEXT_CHARS_MAX = 1000;
/** What a module itself is to blame for; anything else says nothing about it. */
const OWN_FAULTS: ReadonlySet<string> = new Set([
  "FLV_SMARTMODULE_INVALID",
  "FLV_SMARTMODULE_INIT",
  "FLV_SMARTMODULE_RUNTIME",
  "FLV_SMARTMODULE_TIME_LIMIT",
  "FLV_SMARTMODULE_MEMORY_LIMIT",
]);

const unpack = promisify(gunzip);
const pack = promisify(gzip);

type Problem = NonNullable<SmartModuleInspection["problem"]>;

/** A payload as it is to be stored, and what was found in it. */
export interface InspectedPayload {
  readonly payload: Uint8Array;
  readonly inspection: SmartModuleInspection;
}

/**
 * Finds out what modules are and why they cannot run, without running user code. One at a time: each may take as much
 * memory as the largest module.
 */
export class ModuleInspector {
  readonly #engine: Pick<SmartEngine, "inspect">;
  readonly #turns = new KeyedMutex();

  constructor(engine: Pick<SmartEngine, "inspect">) {
    this.#engine = engine;
  }

  /**
   * Never refuses: what cannot run is said in the inspection. Code that comes bare, as the original's Python client
   * sends it, is packed like all others.
   */
  inspect(name: string, wasm: SmartModuleSpec["wasm"]): Promise<InspectedPayload> {
    return this.#turns.run("", async () => {
      const bare = wasm.format === "binary" && isWasm(wasm.payload);
      const payload = bare ? await pack(wasm.payload) : wasm.payload;
      const code = bare ? wasm.payload : await unpacked(wasm);
      return { payload, inspection: await this.#inspection(name, payload, code) };
    });
  }

  async #inspection(name: string, payload: Uint8Array, code: Uint8Array | Problem): Promise<SmartModuleInspection> {
    const stored = { name, storedSizeBytes: payload.length, traits: undefined, problem: undefined };
    if (!(code instanceof Uint8Array)) return { ...stored, wasmSizeBytes: undefined, sha256: undefined, problem: code };
    const sha256 = createHash("sha256").update(code).digest("hex");
    const known = { ...stored, wasmSizeBytes: code.length, sha256 };
    try {
      return { ...known, traits: traitsOf(await this.#engine.inspect(name, code)) };
    } catch (error) {
      if (!isFluvioError(error) || !OWN_FAULTS.has(error.code) || error.retriable) return known;
      const { exports, imports } = await moduleNames(code);
      return { ...known, problem: { ...problemOf(error), exports: bounded(exports), imports: bounded(imports) } };
    }
  }
}

/** The code of a payload, or why there is none. */
async function unpacked({ format, payload }: SmartModuleSpec["wasm"]): Promise<Uint8Array | Problem> {
  if (format !== "binary" || isWasmText(payload)) {
    return unreadable("it is WebAssembly text, not a binary", "Compile it first, for example with wat2wasm");
  }
  if (payload.length === 0) return unreadable("it is empty", "Give the .wasm file that the build made");
  try {
    return await unpack(payload, { maxOutputLength: WASM_BYTES_MAX });
  } catch (cause) {
    const tooLarge = (cause as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE";
    const reason = tooLarge ? `it is larger than ${WASM_BYTES_MAX} bytes` : "its code is no gzip stream";
    return unreadable(reason, tooLarge ? undefined : "Store it again: the payload may be cut or damaged");
  }
}

function unreadable(reason: string, hint: string | undefined): Problem {
  return { reason, hint, exports: [], imports: [] };
}

function traitsOf(found: ModuleInspection): NonNullable<SmartModuleInspection["traits"]> {
  const { kind, hasInit, hasLookBack, abiVersion } = found;
  return { kind, exports: bounded(found.exports), imports: bounded(found.imports), hasInit, hasLookBack, abiVersion };
}

function problemOf(error: FluvioError): Pick<Problem, "reason" | "hint"> {
  const reason = typeof error.details.reason === "string" ? error.details.reason : error.message;
  return { reason: cut(reason), hint: error.hint === undefined ? undefined : cut(error.hint) };
}

function bounded(names: readonly string[]): string[] {
  return names.slice(0, NAMES_MAX).map(cut);
}

function cut(text: string): string {
  return text.length <= TEXT_CHARS_MAX ? text : `${text.slice(0, TEXT_CHARS_MAX)}…`;
}
