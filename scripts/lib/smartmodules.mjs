/**
 * Compiles the official SmartModules (packages/smartmodules). What was compiled once is kept under the hash of everything
 * that went into it, so that only what changed is compiled again.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join, relative, resolve } from "node:path";

const root = resolve(import.meta.dirname ?? new URL(".", import.meta.url).pathname, "../..");
const library = join(root, "packages/smartmodules");
const builder = join(root, "packages/fluvio/dist/smartmodule");
const cache = join(root, "node_modules/.cache/fluvio-smartmodules");
const HASH_DIGITS = 20;
const RESULTS_KEPT = 4;

/** Names of the official SmartModules: folders with a package file. */
export function libraryNames() {
  return readdirSync(library)
    .filter((name) => existsSync(join(library, name, "SmartModule.toml")))
    .sort();
}

/**
 * Where the wasm of each module is, compiled now where it has to be.
 * @param onProgress called with how many of how many are done, when something has to be compiled
 */
export async function compileLibrary(names, onProgress = () => {}) {
  const common = hashOf([
    ...filesBelow(join(library, "shared"), ".ts"),
    ...filesBelow(builder, ".js"),
    ...filesBelow(builder, ".ts"),
    join(root, "node_modules/assemblyscript/package.json"),
  ]);
  const wanted = names.map((name) => {
    const hash = hashOf(filesBelow(join(library, name), ".ts"), common);
    return {
      name,
      entry: join(library, name, "index.ts"),
      target: join(cache, `${name}-${hash.slice(0, HASH_DIGITS)}.wasm`),
    };
  });
  const missing = wanted.filter(({ target }) => !existsSync(target));
  if (missing.length > 0) {
    await compileAll(missing, onProgress);
    for (const { name } of missing) forgetOld(name);
  }
  return new Map(wanted.map(({ name, target }) => [name, target]));
}

async function compileAll(missing, onProgress) {
  // what was just built: there is nothing to import before
  const { SmartModuleCompiler } = await import("../../packages/fluvio/dist/smartmodule/build/index.js");
  mkdirSync(cache, { recursive: true });
  const waiting = [...missing];
  let done = 0;
  onProgress(done, missing.length);
  const lanes = Array.from({ length: Math.min(availableParallelism(), missing.length) }, async () => {
    const compiler = new SmartModuleCompiler();
    try {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const { wasm, warnings } = await compiler.compile({ entry: next.entry });
        const own = warnings.find(({ file }) => file !== undefined && !file.includes("~lib"));
        if (own !== undefined) throw new Error(`${own.file}:${own.line}:${own.column}: ${own.message}`);
        put(next.target, wasm);
        onProgress(++done, missing.length);
      }
    } finally {
      compiler[Symbol.dispose]();
    }
  });
  await Promise.all(lanes);
}

/** Keeps the newest few results of a module: several checkouts of the sources may take turns. */
function forgetOld(name) {
  const kept = readdirSync(cache)
    .filter((file) => file.startsWith(`${name}-`) && file.length === name.length + "-.wasm".length + HASH_DIGITS)
    .map((file) => ({ path: join(cache, file), timeMs: statSync(join(cache, file)).mtimeMs }))
    .sort((one, other) => other.timeMs - one.timeMs);
  for (const { path } of kept.slice(RESULTS_KEPT)) rmSync(path, { force: true });
}

/** Writes a file as a whole: another process never sees half of it. */
export function put(target, bytes) {
  const partial = `${target}.${process.pid}`;
  writeFileSync(partial, bytes);
  renameSync(partial, target);
}

/** Where the source of an official module is. */
export function librarySource(name) {
  return join(library, name);
}

function filesBelow(folder, ending) {
  return readdirSync(folder, { recursive: true })
    .filter((file) => file.endsWith(ending) && !file.endsWith(".test.ts") && !file.endsWith(".d.ts"))
    .sort()
    .map((file) => join(folder, file));
}

function hashOf(files, before = "") {
  const hash = createHash("sha256").update(before);
  for (const file of files) hash.update(relative(root, file)).update(readFileSync(file));
  return hash.digest("hex");
}
