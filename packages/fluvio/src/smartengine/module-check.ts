import { createHash } from "node:crypto";
import { isWasm, isWasmText } from "../protocol/index.ts";
import { invalid, KINDS } from "./host/abi.ts";
import { Wasi } from "./host/wasi.ts";
import { capMemory } from "./host/wasm-binary.ts";
import type { SmartModuleKind } from "./types.ts";

/** What a module exports and imports. */
export interface ModuleNames {
  readonly exports: readonly string[];
  /** As `module.name`. */
  readonly imports: readonly string[];
}

/** A compiled module whose imports and exports are those of a SmartModule. */
export interface CheckedModule extends ModuleNames {
  readonly module: WebAssembly.Module;
  readonly kind: SmartModuleKind;
}

/** Identifies a module by its bytes. */
export function contentHash(wasm: Uint8Array): string {
  return createHash("sha256").update(wasm).digest("base64");
}

/**
 * Compiles a module, with its memory capped, and checks what it imports and exports. No code of it runs.
 * @throws FLV_SMARTMODULE_INVALID with the reason | FLV_SMARTMODULE_MEMORY_LIMIT when it starts above the limit
 */
export async function compileModule(name: string, wasm: Uint8Array, memoryBytesMax: number): Promise<CheckedModule> {
  if (!isWasm(wasm)) throw invalid(name, whyNotWasm(wasm), "Give the .wasm file that the build made");
  const capped = capMemory(name, wasm, memoryBytesMax);
  let module: WebAssembly.Module;
  try {
    module = await WebAssembly.compile(capped);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.replace(/^WebAssembly\.compile\(\): /, "") : String(cause);
    throw invalid(
      name,
      `it does not compile: ${reason}`,
      "Build the module again; the file may be cut or damaged",
      cause,
    );
  }
  checkImports(name, WebAssembly.Module.imports(module));
  const kind = checkExports(name, WebAssembly.Module.exports(module));
  return { module, kind, ...namesOf(module) };
}

/** What a module exports and imports, whether it is a SmartModule or not; nothing of what does not compile. */
export async function moduleNames(wasm: Uint8Array): Promise<ModuleNames> {
  const module = await WebAssembly.compile(wasm).catch(() => undefined);
  return module === undefined ? { exports: [], imports: [] } : namesOf(module);
}

function namesOf(module: WebAssembly.Module): ModuleNames {
  return {
    exports: WebAssembly.Module.exports(module).map((entry) => entry.name),
    imports: WebAssembly.Module.imports(module).map((entry) => `${entry.module}.${entry.name}`),
  };
}

function whyNotWasm(wasm: Uint8Array): string {
  if (wasm.length === 0) return "it is empty";
  if (wasm[0] === 0x1f && wasm[1] === 0x8b) return "it is still compressed with gzip";
  if (isWasmText(wasm)) return "it is WebAssembly text, not a binary";
  return "it is no WebAssembly: it does not begin with the bytes 00 61 73 6d";
}

function checkImports(name: string, imports: readonly WebAssembly.ImportDescriptor[]): void {
  const wasi = new Wasi(() => {});
  let hasCopyRecords = false;
  for (const entry of imports) {
    const label = `${entry.module}.${entry.name}`;
    if (entry.name === "copy_records" && !hasCopyRecords) {
      hasCopyRecords = entry.kind === "function";
      if (hasCopyRecords) continue;
    }
    if (entry.kind !== "function" || wasi.function(entry.module, entry.name) === undefined) {
      throw invalid(
        name,
        `it imports ${label} (${entry.kind}), which a SmartModule does not get`,
        "Only copy_records and the functions of WASI preview 1 are there; in AssemblyScript compile with --use abort=",
      );
    }
  }
  if (!hasCopyRecords) {
    throw invalid(name, "it does not import copy_records", "Build it with a SmartModule SDK, which adds that import");
  }
}

function checkExports(name: string, exports: readonly WebAssembly.ExportDescriptor[]): SmartModuleKind {
  const functions = new Set(exports.filter((entry) => entry.kind === "function").map((entry) => entry.name));
  const kind = KINDS.find((candidate) => functions.has(candidate));
  if (kind === undefined) {
    throw invalid(
      name,
      `it exports none of ${KINDS.join(", ")}`,
      "Mark one function as the transform, such as #[smartmodule(filter)]",
    );
  }
  if (!functions.has("alloc")) throw invalid(name, "it does not export the function alloc", SDK_HINT);
  if (!exports.some((entry) => entry.name === "memory" && entry.kind === "memory")) {
    throw invalid(name, "it does not export its memory", SDK_HINT);
  }
  return kind;
}

const SDK_HINT = "Build it with a SmartModule SDK, which adds that export";
