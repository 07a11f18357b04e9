import { createReadStream } from "node:fs";
import { mkdtemp, open, readdir, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, sep } from "node:path";
import { type NpmOptions, runNpm } from "../npm/index.ts";
import { flvError } from "../protocol/index.ts";
import { type OfferedModule, offeredModules } from "./offered.ts";

/** Bounds of a tarball, so that a small file cannot fill the memory. */
const UNPACKED_BYTES_MAX = 256 * 1024 * 1024;
const ENTRIES_MAX = 20_000;

/** The SmartModules in a folder that is a package. */
export async function modulesOfFolder(dir: string): Promise<readonly OfferedModule[]> {
  const root = await realpath(dir);
  return await offeredModules({
    label: dir,
    read: async (path, bytesMax) => {
      const found = await realpath(join(root, path)).catch(() => undefined);
      if (found === undefined) return undefined;
      if (!found.startsWith(root.endsWith(sep) ? root : root + sep)) throw outside(dir, path);
      return await readBounded(found, bytesMax, dir, path);
    },
  });
}

async function readBounded(file: string, bytesMax: number, label: string, path: string) {
  await using handle = await open(file);
  const { size, ...stats } = await handle.stat();
  if ((stats.mode & 0o170000) !== 0o100000) return undefined;
  if (size > bytesMax) throw tooLarge(label, path, bytesMax);
  return await handle.readFile();
}

/** The SmartModules in a tarball as `npm pack` writes it. Nothing of it is written to disk. */
export async function modulesOfTarball(path: string, label = path): Promise<readonly OfferedModule[]> {
  const files = await readTarball(path, label);
  return await offeredModules({
    label,
    read: async (name, bytesMax) => {
      const found = files.get(name);
      if (found !== undefined && found.length > bytesMax) throw tooLarge(label, name, bytesMax);
      return found;
    },
  });
}

/** The regular files below the one folder of a tarball, by their path in it. */
async function readTarball(path: string, label: string): Promise<ReadonlyMap<string, Uint8Array>> {
  const { Parser } = await import("tar");
  const files = new Map<string, Uint8Array>();
  let entries = 0;
  let unpackedBytes = 0;
  await new Promise<void>((resolve, reject) => {
    const source = createReadStream(path);
    const fail = (error: unknown) => {
      source.destroy();
      reject(error);
    };
    const parser = new Parser({
      strict: true,
      onReadEntry: (entry) => {
        entries++;
        unpackedBytes += entry.size ?? 0;
        if (entries > ENTRIES_MAX || unpackedBytes > UNPACKED_BYTES_MAX) {
          fail(
            flvError("FLV_PACKAGE", `"${label}" is too large to be a package of SmartModules`, { details: { path } }),
          );
          entry.resume();
          return;
        }
        const parts = entry.path.split("/").slice(1);
        const kept = entry.type === "File" && parts.length > 0 && !parts.includes("..");
        if (!kept) {
          entry.resume();
          return;
        }
        const chunks: Buffer[] = [];
        entry.on("data", (chunk: Buffer) => chunks.push(chunk));
        entry.on("end", () => files.set(parts.join("/"), Buffer.concat(chunks)));
      },
    });
    const damaged = (error: Error) =>
      fail(flvError("FLV_PACKAGE", `"${label}" is no tarball: ${error.message}`, { details: { path }, cause: error }));
    source.once("error", fail);
    parser.once("error", damaged);
    parser.once("end", () => resolve());
    source.pipe(parser);
  });
  return files;
}

/** A package in a registry: a name, and behind an `@` a version, a range or a tag. Nothing that runs or clones. */
const REGISTRY_SPEC = /^(@[a-z0-9][\w.-]*\/)?[a-z0-9][\w.-]*(@[\w.^~<>=*|+ -]+)?$/i;

/**
 * The SmartModules of a package in the registry that the user's npm is set up for. None of its scripts run.
 * @throws FLV_PACKAGE with npm's complaint
 */
export async function modulesOfRegistry(
  spec: string,
  options: Omit<NpmOptions, "terminal">,
): Promise<readonly OfferedModule[]> {
  if (!REGISTRY_SPEC.test(spec)) {
    throw flvError("FLV_ARGUMENT", `"${spec}" is no package: a name, with @version behind it if you like`, {
      details: { spec },
      hint: "A folder or a tarball is given by its path: ./folder, ./package.tgz.",
    });
  }
  const dir = await mkdtemp(join(tmpdir(), "fluvio-install-"));
  try {
    await runNpm(["pack", spec, "--ignore-scripts", "--pack-destination", dir], options);
    // npm of some versions says another name than it writes
    const [tarball] = await readdir(dir);
    if (tarball === undefined) throw flvError("FLV_PACKAGE", `npm gave nothing for "${spec}"`, { details: { spec } });
    return await modulesOfTarball(join(dir, tarball), spec);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

function outside(label: string, path: string) {
  return flvError("FLV_PACKAGE", `"${label}" names a file outside of itself: ${path}`, { details: { path } });
}

function tooLarge(label: string, path: string, bytesMax: number) {
  return flvError("FLV_PACKAGE", `"${label}": ${path} is larger than ${bytesMax} bytes`, {
    details: { path, bytesMax },
  });
}
