import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import type * as Assembly from "assemblyscript";
import { flvError } from "fluvio/protocol";
import type { BuiltSmartModule } from "./compile.ts";
import { Diagnostics } from "./diagnostics.ts";
import { ENTRY_NAME, entrySource } from "./entry.ts";
import { findFunctions } from "./exports.ts";
import { SourceFiles } from "./files.ts";
import { loadJsonTransform, usesJson, withoutTraps } from "./json.ts";
import { withLastWords } from "./last-words.ts";
import { reportThrown } from "./throws.ts";
import { compileTraced } from "./traced-compiler.ts";

/** The compiler and what comes with it; loaded when something is built, since that takes a moment. */
interface Toolchain {
  readonly assembly: typeof Assembly;
  readonly standardFiles: Readonly<Record<string, string>>;
}

const RUNTIME = "rt/index-incremental";
const BRIDGE = "~lib/@fluvio/smartmodule/json-bridge";
/** Declares regular expressions, and traps when one is used. */
const HOLLOW = "regexp";
const OPTIMIZED = { speed: 3, size: 0 };
const QUICK = { speed: 1, size: 0 };

async function loadToolchain(): Promise<Toolchain> {
  const [assembly, asc] = await Promise.all([import("assemblyscript"), import("assemblyscript/asc")]);
  const { libraryFiles } = asc;
  return { assembly, standardFiles: withLastWords(libraryFiles as Readonly<Record<string, string>>) };
}

/** One build: everything that the compiler is asked and says. */
export async function compileSources(folder: string, entry: string, optimize: boolean): Promise<BuiltSmartModule> {
  const text = await readFile(entry, "utf8").catch((cause: unknown) => {
    throw flvError("FLV_FILE", `cannot read ${entry}`, { details: { file: entry }, cause });
  });
  const toolchain = await loadToolchain();
  const { assembly } = toolchain;
  const level = optimize ? OPTIMIZED : QUICK;
  const program = assembly.newProgram(options(assembly, level));
  let isJsonUsed = usesJson(text);
  const files = new SourceFiles(folder, toolchain.standardFiles, () => isJsonUsed);
  const name = files.nameOf(entry);
  const diagnostics = new Diagnostics(assembly, program, files, entry);

  for (const [path, source] of Object.entries(toolchain.standardFiles)) {
    // those in folders are read when something asks for them
    if (!path.includes("/") && path !== HOLLOW) assembly.parse(program, source, `~lib/${path}.ts`, false);
  }
  assembly.parse(program, toolchain.standardFiles[RUNTIME] ?? null, `~lib/${RUNTIME}.ts`, true);
  assembly.parse(program, text, `${name}.ts`, false);
  diagnostics.throwErrors();
  const source = program.sources.find((candidate) => candidate.normalizedPath === `${name}.ts`);
  if (source === undefined) throw new Error(`the compiler lost ${entry}`);
  const { functions, kind } = findFunctions(assembly, source, entry);
  diagnostics.attribute(functions);
  reportThrown(assembly, source, functions);
  assembly.parse(
    program,
    entrySource(
      name,
      functions.map((found) => found.form),
    ),
    ENTRY_NAME,
    true,
  );
  await parseImports();
  diagnostics.throwErrors();
  const transform = isJsonUsed ? await loadJsonTransform(program, folder) : undefined;
  diagnostics.attempt(() => transform?.afterParse(program.parser));
  await parseImports();
  diagnostics.throwErrors();

  assembly.initializeProgram(program);
  transform?.afterInitialize(program);
  diagnostics.throwErrors();
  const { module, cause, thrown } = diagnostics.attempt(() => compileTraced(assembly, program));
  diagnostics.throwErrors(cause);
  diagnostics.warnOfThrows(thrown);
  if (!assembly.validate(module)) throw new Error(`the compiler made invalid wasm of ${basename(entry)}`);
  assembly.optimize(module, level.speed, level.size);
  const wasm = module.toBinary(null).output;
  diagnostics.checkImports(wasm);
  return { wasm, kind, warnings: diagnostics.warnings };

  /** Parses what is imported, until nothing is; the bridge to JSON last, when it is known whether JSON is used. */
  async function parseImports(): Promise<void> {
    let isBridgeAsked = false;
    for (;;) {
      let path = assembly.nextFile(program);
      if (path === null) {
        if (!isBridgeAsked) return;
        isBridgeAsked = false;
        path = BRIDGE;
      } else if (path === BRIDGE) {
        isBridgeAsked = true;
        continue;
      }
      const file = await files.find(path);
      if (file !== undefined && !file.path.startsWith("~lib/")) isJsonUsed ||= usesJson(file.text);
      const source = file === undefined ? null : withoutTraps(file.path, file.text);
      assembly.parse(program, source, file?.path ?? `${path}.ts`, false);
    }
  }
}

function options(
  assembly: typeof Assembly,
  level: { readonly speed: number; readonly size: number },
): Assembly.Options {
  const made = assembly.newOptions();
  assembly.setTarget(made, assembly.Target.Wasm32);
  assembly.setRuntime(made, assembly.Runtime.Incremental);
  assembly.setExportMemory(made, true);
  assembly.setStackSize(made, assembly.DEFAULT_STACK_SIZE);
  assembly.setOptimizeLevelHints(made, level.speed, level.size);
  // what would call the host to say why it ends just ends: hosts have no such function
  assembly.addGlobalAlias(made, "abort", "");
  assembly.setFeature(made, assembly.FEATURE_SIMD, true);
  return made;
}
