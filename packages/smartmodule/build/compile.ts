import { basename, dirname, resolve } from "node:path";
import { flvError } from "fluvio/protocol";
import { compileSources } from "./compiler.ts";
import type { SmartModuleKind } from "./functions.ts";

/** What to build, and how. */
export interface SmartModuleSource {
  /** Path of the file that exports the functions of the SmartModule. */
  readonly entry: string;
  /** Whether to spend time on speed and size; true by default. Without it a build takes half the time. */
  readonly optimize?: boolean;
}

/** Something the compiler finds odd, but builds. */
export interface BuildWarning {
  readonly message: string;
  readonly file: string | undefined;
  /** From 1. */
  readonly line: number | undefined;
  /** From 1. */
  readonly column: number | undefined;
}

/** A SmartModule that runs on every host of the ABI. */
export interface BuiltSmartModule {
  readonly wasm: Uint8Array;
  readonly kind: SmartModuleKind;
  readonly warnings: readonly BuildWarning[];
}

/**
 * Compiles a SmartModule. Its source imports `@fluvio/smartmodule`, which is the SDK of this installation: the user's
 * project needs no packages for it.
 * @throws FLV_SMARTMODULE_BUILD with file, line and column in the sentence and in `details` | FLV_FILE
 */
export async function compileSmartModule(source: SmartModuleSource): Promise<BuiltSmartModule> {
  const entry = resolve(source.entry);
  if (!entry.endsWith(".ts")) {
    throw flvError("FLV_SMARTMODULE_BUILD", `cannot build ${basename(entry)}: its name does not end with .ts`, {
      details: { file: entry },
      hint: "Give the AssemblyScript file that exports the SmartModule's functions, such as src/index.ts",
    });
  }
  return compileSources(dirname(entry), entry, source.optimize ?? true);
}
