import { performance } from "node:perf_hooks";
import { createSmartEngine, type ModuleInspection } from "../smartengine/index.ts";
import { buildRust, type RustBuildOptions } from "./build-rust.ts";
import { buildTypeScript } from "./build-typescript.ts";
import type { Project } from "./project.ts";

export interface BuildOptions {
  readonly signal?: AbortSignal;
  /** What the compiler says: warnings of the AssemblyScript compiler, everything that cargo prints. */
  onMessage?(text: string): void;
  /** TypeScript: build although nothing has changed. */
  readonly force?: boolean;
  readonly rust?: RustBuildOptions;
}

export interface Built {
  /** Absolute path of the wasm. */
  readonly path: string;
  readonly wasm: Uint8Array;
  /** What the module is; it can run. */
  readonly inspection: ModuleInspection;
  readonly timeMs: number;
  /** False when nothing had changed since the build before. */
  readonly rebuilt: boolean;
}

/**
 * Compiles a project to wasm and checks that it can run.
 * @throws FLV_SMARTMODULE_BUILD with the compiler's messages, or with the command that installs what is missing;
 *   FLV_SMARTMODULE_INVALID when what was built is no SmartModule
 */
export async function buildProject(project: Project, options: BuildOptions = {}): Promise<Built> {
  const started = performance.now();
  const { path, wasm, rebuilt } =
    project.language === "rust" ? await buildRust(project, options) : await buildTypeScript(project, options);
  const inspection = await inspect(project.metadata.package.name, wasm);
  return { path, wasm, inspection, rebuilt, timeMs: performance.now() - started };
}

async function inspect(name: string, wasm: Uint8Array): Promise<ModuleInspection> {
  await using engine = createSmartEngine();
  return await engine.inspect(name, wasm);
}
