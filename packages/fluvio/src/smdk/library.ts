import { readdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { installationDir } from "../npm/index.ts";
import type { OfferedModule } from "./offered.ts";
import { parsePackageFile } from "./package-file.ts";

/** Where the build puts the official modules: NAME.wasm and NAME.toml. */
const LIBRARY_DIR = "dist/smartmodules";

/** The official SmartModules, which every installation carries; by name. */
export async function officialModules(): Promise<readonly OfferedModule[]> {
  const dir = join(installationDir(), LIBRARY_DIR);
  // a checkout whose modules were not built yet carries none
  const files = await readdir(dir).catch(() => []);
  const names = files.filter((file) => file.endsWith(".wasm")).map((file) => basename(file, ".wasm"));
  return await Promise.all(
    names.sort().map(async (name) => {
      const toml = join(dir, `${name}.toml`);
      const [wasm, text] = await Promise.all([readFile(join(dir, `${name}.wasm`)), readFile(toml, "utf8")]);
      return { name, wasm, metadata: parsePackageFile(text, toml) };
    }),
  );
}
