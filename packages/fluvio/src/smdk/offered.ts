import { z } from "zod";
import { flvError, type SmartModuleMetadata } from "../protocol/index.ts";
import { parsePackageFile } from "./package-file.ts";

/** Largest wasm that is taken out of a package. */
const WASM_BYTES_MAX = 32 * 1024 * 1024;
const TEXT_BYTES_MAX = 1024 * 1024;
const MODULES_MAX = 1000;

/** A built SmartModule that a package offers. */
export interface OfferedModule {
  readonly name: string;
  readonly wasm: Uint8Array;
  readonly metadata: SmartModuleMetadata;
}

/** Files of a package by their path in it; reads no other. */
export interface PackageFiles {
  /** Shown in errors. */
  readonly label: string;
  /** @returns undefined when there is no such regular file @throws FLV_PACKAGE when it is larger */
  read(path: string, bytesMax: number): Promise<Uint8Array | undefined>;
}

const Manifest = z.object({
  fluvio: z
    .object({ smartmodules: z.record(z.string(), z.object({ wasm: z.string(), toml: z.string() })).optional() })
    .optional(),
});

/**
 * The SmartModules that a package offers by the field `fluvio.smartmodules` of its package.json.
 * @throws FLV_PACKAGE when it offers none or what it names is not in it; FLV_ARGUMENT for a bad SmartModule.toml
 */
export async function offeredModules(files: PackageFiles): Promise<readonly OfferedModule[]> {
  const invalid = (why: string, cause?: unknown) =>
    flvError("FLV_PACKAGE", `"${files.label}" offers no SmartModules: ${why}`, {
      details: { package: files.label },
      hint: 'A package offers them in its package.json: "fluvio": { "smartmodules": { "NAME": { "wasm": "NAME.wasm", "toml": "SmartModule.toml" } } }.',
      cause,
    });
  const manifest = await files.read("package.json", TEXT_BYTES_MAX);
  if (manifest === undefined) throw invalid("there is no package.json");
  const parsed = parseManifest(manifest);
  if (typeof parsed === "string") throw invalid(parsed);
  const entries = Object.entries(parsed);
  if (entries.length === 0) throw invalid("its package.json does not name any");
  if (entries.length > MODULES_MAX) throw invalid(`it names ${entries.length}, at most ${MODULES_MAX} are read`);
  const found: OfferedModule[] = [];
  for (const [name, { wasm: wasmPath, toml: tomlPath }] of entries) {
    const wasm = await files.read(insidePath(wasmPath, files.label), WASM_BYTES_MAX);
    if (wasm === undefined) throw invalid(`there is no ${wasmPath}`);
    const toml = await files.read(insidePath(tomlPath, files.label), TEXT_BYTES_MAX);
    if (toml === undefined) throw invalid(`there is no ${tomlPath}`);
    const metadata = parsePackageFile(new TextDecoder().decode(toml), `${files.label}: ${tomlPath}`);
    found.push({ name, wasm, metadata });
  }
  return found;
}

function parseManifest(bytes: Uint8Array): Readonly<Record<string, { wasm: string; toml: string }>> | string {
  try {
    const parsed = Manifest.safeParse(JSON.parse(new TextDecoder().decode(bytes)));
    if (parsed.success) return parsed.data.fluvio?.smartmodules ?? {};
    const issue = parsed.error.issues[0];
    return `package.json: ${issue?.path.join(".")}: ${issue?.message}`;
  } catch (error) {
    return `package.json: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** A path of a package's manifest without `./`. @throws FLV_PACKAGE when it leads out of the package */
function insidePath(path: string, label: string): string {
  const parts = path.split(/[/\\]/).filter((part) => part !== "" && part !== ".");
  if (path.startsWith("/") || /^[a-z]:/i.test(path) || parts.includes("..") || parts.length === 0) {
    throw flvError("FLV_PACKAGE", `"${label}" names a file outside of itself: ${path}`, { details: { path } });
  }
  return parts.join("/");
}
