import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { createInterface } from "node:readline";
import { flvError } from "../protocol/index.ts";
import type { Project } from "./project.ts";

export interface RustBuildOptions {
  /** Cargo profile. Default `release-lto`. */
  readonly profile?: string;
  /** Crate to build, in a workspace of several. */
  readonly packageName?: string;
  /** Builds for wasm32-unknown-unknown: no WASI, smaller, nothing printed can be seen. */
  readonly nowasi?: boolean;
  /** Further arguments of `cargo build`. */
  readonly cargoArgs?: readonly string[];
  /** Environment of cargo; `CARGO` names the program. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** What the environment says about building in Rust: SMDK_NOWASI, and all that cargo itself reads. */
export function rustOptionsOf(env: Readonly<Record<string, string | undefined>>): RustBuildOptions {
  const nowasi = env.SMDK_NOWASI ?? "";
  return { env, nowasi: nowasi !== "" && nowasi !== "0" && nowasi !== "false" };
}

const PROFILE_DEFAULT = "release-lto";
/** From 1.96 on rustc no longer lets a module import a function that nothing declares an import module for. */
const ALLOW_UNDEFINED = "-Clink-arg=--allow-undefined";

/** Builds the project's library with cargo, which knows itself whether there is anything to do. */
export async function buildRust(
  project: Project,
  {
    rust = {},
    onMessage,
    signal,
  }: { readonly rust?: RustBuildOptions; readonly signal?: AbortSignal; onMessage?(text: string): void },
): Promise<{ readonly path: string; readonly wasm: Uint8Array; readonly rebuilt: boolean }> {
  const target = rust.nowasi === true ? "wasm32-unknown-unknown" : "wasm32-wasip1";
  const args = [
    "build",
    "--lib",
    "--target",
    target,
    "--profile",
    rust.profile ?? PROFILE_DEFAULT,
    "--config",
    `target.${target}.rustflags=["${ALLOW_UNDEFINED}"]`,
    "--message-format=json-render-diagnostics",
    ...(rust.packageName === undefined ? [] : ["--package", rust.packageName]),
    ...(rust.cargoArgs ?? []),
  ];
  const result = await runCargo(project.dir, args, rust.env ?? process.env, { onMessage, signal });
  if (result.exitCode !== 0) throw buildFailed(target, result);
  const artifact = result.artifacts.at(-1);
  if (artifact === undefined) {
    throw flvError("FLV_SMARTMODULE_BUILD", "cargo built no wasm library", {
      details: { target, dir: project.dir },
      hint: 'The library of a SmartModule has crate-type = ["cdylib"] in Cargo.toml.',
    });
  }
  return { path: artifact.path, wasm: await readFile(artifact.path), rebuilt: artifact.rebuilt };
}

interface CargoResult {
  readonly exitCode: number;
  /** The wasm libraries that were built, in order. */
  readonly artifacts: readonly { readonly path: string; readonly rebuilt: boolean }[];
  /** What cargo said of what went wrong. */
  readonly text: string;
}

/** How much of cargo's output is kept to tell what went wrong. */
const KEPT_CHARS = 64 * 1024;

async function runCargo(
  dir: string,
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  {
    onMessage,
    signal,
  }: { readonly signal?: AbortSignal | undefined; onMessage?: ((text: string) => void) | undefined },
): Promise<CargoResult> {
  const cargo = env.CARGO ?? "cargo";
  const child = spawn(cargo, args, { cwd: dir, env, signal, stdio: ["ignore", "pipe", "pipe"] });
  const artifacts: { path: string; rebuilt: boolean }[] = [];
  let text = "";
  createInterface({ input: child.stderr }).on("line", (line) => {
    text = `${text}${line}\n`.slice(-KEPT_CHARS);
    onMessage?.(line);
  });
  createInterface({ input: child.stdout }).on("line", (line) => {
    const artifact = wasmArtifact(line, dir);
    if (artifact !== undefined) artifacts.push(artifact);
  });
  const exitCode = await new Promise<number>((resolve, reject) => {
    child.once("error", (error: NodeJS.ErrnoException) => reject(error.code === "ENOENT" ? noCargo(cargo) : error));
    child.once("close", (code) => resolve(code ?? 1));
  });
  return { exitCode, artifacts, text };
}

/** A line of cargo's JSON messages, when it reports a wasm file of this very project. */
function wasmArtifact(line: string, dir: string): { path: string; rebuilt: boolean } | undefined {
  if (!line.startsWith("{")) return undefined;
  const message = JSON.parse(line) as {
    readonly reason?: string;
    readonly manifest_path?: string;
    readonly filenames?: readonly string[];
    readonly fresh?: boolean;
  };
  if (message.reason !== "compiler-artifact") return undefined;
  const path = message.filenames?.find((name) => name.endsWith(".wasm"));
  if (path === undefined) return undefined;
  const own = message.manifest_path === undefined || dirname(message.manifest_path).startsWith(dir);
  return own ? { path, rebuilt: message.fresh !== true } : undefined;
}

function noCargo(cargo: string) {
  return flvError("FLV_SMARTMODULE_BUILD", `Rust is not installed: there is no program "${cargo}"`, {
    details: { cargo },
    hint: "Install it with `curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh`, or name cargo in the environment variable CARGO.",
  });
}

/** The first complaint of the compiler; everything it said has been shown already. */
function buildFailed(target: string, { exitCode, text }: CargoResult) {
  const details = { target, exitCode };
  const hint = installHint(target, text);
  if (hint !== undefined) {
    return flvError("FLV_SMARTMODULE_BUILD", `The Rust target ${target} is not installed`, { details, hint });
  }
  const toolchain = /^error: toolchain '(.+?)' is not installed/m.exec(text)?.[1];
  if (toolchain !== undefined) {
    return flvError("FLV_SMARTMODULE_BUILD", `The Rust toolchain ${toolchain} is not installed`, {
      details: { ...details, toolchain },
      hint: `Install it with \`rustup toolchain install ${toolchain} --target ${target}\`.`,
    });
  }
  const first = /^error(?:\[E\d+\])?: .*$/m.exec(text)?.[0] ?? `cargo ended with ${exitCode}`;
  const place = /^\s*--> (.*)$/m.exec(text)?.[1];
  return flvError("FLV_SMARTMODULE_BUILD", place === undefined ? first : `${place}: ${first}`, { details });
}

/** The command that installs what is missing, when that is what went wrong. */
function installHint(target: string, text: string): string | undefined {
  const missing = /can't find crate for `(?:core|std)`/.test(text) || /target may not be installed/.test(text);
  if (missing) return `Install it with \`rustup target add ${target}\`.`;
  const unknown = /(?:could not find specification for target|error loading target specification)/i.test(text);
  if (unknown) return `This Rust does not know it: \`rustup update && rustup target add ${target}\`.`;
  return undefined;
}
