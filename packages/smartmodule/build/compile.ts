import { basename, dirname, resolve } from "node:path";
import { flvError } from "fluvio/protocol";
import { CompilerProcess } from "./compiler-process.ts";
import type { SmartModuleKind } from "./functions.ts";

/** What to build, and how. */
export interface SmartModuleSource {
  /** Path of the file that exports the functions of the SmartModule. */
  readonly entry: string;
  /** Whether to spend time on speed and size; true by default. Without it a build takes half the time. */
  readonly optimize?: boolean;
  /** Ends the build. */
  readonly signal?: AbortSignal | undefined;
  /** A build that takes longer fails. Default 2 minutes. */
  readonly timeoutMs?: number;
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

const TIMEOUT_MS_DEFAULT = 120_000;

/** Builds SmartModules one after the other: all after the first take a fraction of its time. */
export class SmartModuleCompiler implements Disposable {
  readonly #process = new CompilerProcess();

  /** As {@link compileSmartModule}. */
  async compile(source: SmartModuleSource): Promise<BuiltSmartModule> {
    const entry = resolve(source.entry);
    if (!entry.endsWith(".ts")) {
      throw flvError("FLV_SMARTMODULE_BUILD", `cannot build ${basename(entry)}: its name does not end with .ts`, {
        details: { file: entry },
        hint: "Give the AssemblyScript file that exports the SmartModule's functions, such as src/index.ts",
      });
    }
    const task = { folder: dirname(entry), entry, optimize: source.optimize ?? true };
    return await this.#process.compile(task, source.timeoutMs ?? TIMEOUT_MS_DEFAULT, source.signal);
  }

  [Symbol.dispose](): void {
    this.#process.close();
  }
}

/**
 * Compiles a SmartModule, in a process of its own. Its source imports `@fluvio/smartmodule`, which is the SDK of this
 * installation: the user's project needs no packages for it.
 * @throws FLV_SMARTMODULE_BUILD with file, line and column in the sentence and in `details` | FLV_FILE; the signal's reason
 */
export async function compileSmartModule(source: SmartModuleSource): Promise<BuiltSmartModule> {
  using compiler = new SmartModuleCompiler();
  return await compiler.compile(source);
}
