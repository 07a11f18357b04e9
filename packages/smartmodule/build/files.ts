import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join, relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";

const LIBRARY = "~lib/";
const SDK_NAME = "@fluvio/smartmodule";
/** Packages in AssemblyScript that come with the builder. */
const OWN_PACKAGES = ["json-as", "xjb-as"];
const SDK_FOLDER = fileURLToPath(new URL("../assembly", import.meta.url));

/** A source that the compiler asked for. */
export interface SourceFile {
  readonly text: string;
  /** Its name within the compiler. */
  readonly path: string;
}

/** Finds the sources of a build: the user's, those of the SDK, of packages, and those that come with the compiler. */
export class SourceFiles {
  private readonly folder: string;
  private readonly bundled: Readonly<Record<string, string>>;
  private readonly usesJson: () => boolean;
  /** Where the packages are that sources were found in, by their name within the compiler. */
  private readonly packages = new Map<string, string>();

  /**
   * @param folder the user's: relative names start there
   * @param bundled the compiler's own library, by name without `~lib/`
   * @param usesJson whether json-as takes part
   */
  constructor(folder: string, bundled: Readonly<Record<string, string>>, usesJson: () => boolean) {
    this.folder = folder;
    this.bundled = bundled;
    this.usesJson = usesJson;
  }

  /** The source of a name within the compiler, such as `lib/text` or `~lib/@fluvio/smartmodule`. */
  async find(name: string): Promise<SourceFile | undefined> {
    if (!name.startsWith(LIBRARY)) return firstOf(name, join(this.folder, name));
    const plain = name.slice(LIBRARY.length);
    for (const candidate of [plain, `${plain}/index`]) {
      const text = Object.hasOwn(this.bundled, candidate) ? this.bundled[candidate] : undefined;
      if (text !== undefined) return { text, path: `${LIBRARY}${candidate}.ts` };
    }
    if (plain === SDK_NAME || plain.startsWith(`${SDK_NAME}/`)) return this.findInSdk(plain);
    return this.findInPackage(plain);
  }

  /** The path of a file of the user, from its name within the compiler. */
  pathOf(name: string): string {
    return resolve(this.folder, name.split("/").join(sep));
  }

  /** The name within the compiler of a file of the user, without its ending. */
  nameOf(path: string): string {
    return relative(this.folder, path).split(sep).join("/").replace(/\.ts$/, "");
  }

  private findInSdk(plain: string): Promise<SourceFile | undefined> {
    const bridge = `${SDK_NAME}/json-bridge`;
    const file = plain === bridge && this.usesJson() ? "json-bridge-on" : plain.slice(SDK_NAME.length + 1);
    const name = LIBRARY + plain;
    return file === "" ? firstOf(`${name}/index`, join(SDK_FOLDER, "index")) : firstOf(name, join(SDK_FOLDER, file));
  }

  private async findInPackage(plain: string): Promise<SourceFile | undefined> {
    const [scope = "", second = "", ...rest] = plain.split("/");
    const isScoped = scope.startsWith("@");
    const packageName = isScoped ? `${scope}/${second}` : scope;
    const inside = isScoped ? rest.join("/") : [second, ...rest].filter((part) => part !== "").join("/");
    const folder = this.packages.get(packageName) ?? this.packageFolder(packageName);
    if (folder === undefined) return undefined;
    this.packages.set(packageName, folder);
    const file = inside === "" ? "index" : inside;
    return firstOf(`${LIBRARY}${packageName}/${file}`, join(folder, file));
  }

  /** A package of the user's project, or one that comes with the builder: json-as is always the builder's. */
  private packageFolder(name: string): string | undefined {
    if (OWN_PACKAGES.includes(name)) return ownPackage(name);
    for (let folder = this.folder; ; folder = dirname(folder)) {
      const candidate = join(folder, "node_modules", name);
      if (existsSync(candidate)) return candidate;
      if (folder === dirname(folder)) break;
    }
    return undefined;
  }
}

/** A package that the builder itself depends on, or a dependency of one. */
function ownPackage(name: string): string {
  return dirname(createRequire(import.meta.url).resolve(`${name}/package.json`));
}

/** A file, or the index of a folder. */
async function firstOf(name: string, path: string): Promise<SourceFile | undefined> {
  for (const ending of ["", "/index"]) {
    const text = await readFile(`${path}${ending}.ts`, "utf8").catch(() => undefined);
    if (text !== undefined) return { text, path: `${name}${ending}.ts` };
  }
  return undefined;
}
