import { stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { SmartModuleSwitch } from "../../../client/index.ts";
import { flvError, isFluvioError } from "../../../protocol/index.ts";
import type { OfferedModule } from "../../../smdk/index.ts";
import { command, type InputOf, type OptionTable, optionalArg, value, values } from "../../command.ts";
import { fileError } from "../../files.ts";
import type { Io } from "../../io.ts";
import { formatObject, outputOption, printListing } from "../../output/format.ts";
import { renderTable } from "../../output/table.ts";
import { nearest } from "../../suggest.ts";
import { nonEmpty } from "../../values.ts";
import { inspectModule } from "../chain/options.ts";
import { packageId, registerModule, registerOptions, storeModule } from "./register.ts";

const options = {
  name: value({ long: "name", value: "name", summary: "Store it under another name", parse: nonEmpty }),
  module: values({
    long: "module",
    value: "name",
    summary: "Only this one of a package with several; may be repeated",
    parse: nonEmpty,
  }),
  output: outputOption,
  ...registerOptions,
} satisfies OptionTable;

type Input = InputOf<{ readonly source: ReturnType<typeof optionalArg> }, typeof options>;

export const smartmoduleInstall = command({
  noun: "smartmodule",
  verb: "install",
  summary: "Store a ready SmartModule in the cluster: an official one, or one of a npm package",
  description:
    "Without a name it lists the official SmartModules, which are part of this installation. Anything else is taken from a " +
    "folder or tarball (./path), or from the npm registry that your npm is set up for; no script of a package runs. " +
    "Every module is checked before it is stored.",
  args: { source: optionalArg({ name: "NAME[@version]|package[@version]|./path", summary: "What to install" }) },
  options,
  examples: [
    { text: "what there is", command: "fluvio smartmodule install" },
    { command: "fluvio smartmodule install regex-filter" },
    { command: "fluvio smartmodule install @acme/my-filter@1.2.0" },
  ],
  run: async (input, io) => {
    if (input.source === undefined) return await listLibrary(input, io);
    const modules = chosenModules(await modulesOf(input.source, io), input);
    const installed: Installed[] = [];
    for (const module of modules) installed.push(await install(module, input, io));
    if (input.output !== "table") {
      const objects = installed.map(({ exitCode: _, ...shown }) => shown);
      io.stdout.print(formatObject(objects, input.output, "smartmodules"));
    }
    return Math.max(0, ...installed.map(({ exitCode }) => exitCode));
  },
});

/** For programs. */
interface Installed {
  /** `group/name@version` */
  readonly name: string;
  readonly kind: string;
  /** With `--hot`: what goes on with the new code. */
  readonly switched?: SmartModuleSwitch;
  readonly exitCode: number;
}

async function install({ name, wasm, metadata: found }: OfferedModule, input: Input, io: Io): Promise<Installed> {
  const { noGroup } = await import("../../../smdk/index.ts");
  if (found.package.group === "") throw noGroup();
  const metadata = input.name === undefined ? found : { ...found, package: { ...found.package, name: input.name } };
  const kind = (await inspectModule(name, wasm)).kind.replace("_", "-");
  const { replace, hot, output } = input;
  const installed = { name: packageId(metadata), kind };
  const registration = { name: metadata.package.name, wasm, meta: metadata, replace };
  if (output === "table") {
    const done = `smartmodule "${installed.name}" has been installed (${kind}).`;
    return { ...installed, exitCode: await registerModule(io, { ...registration, hot }, done) };
  }
  const stored = await storeModule(io, registration);
  if (!hot) return { ...installed, exitCode: 0 };
  const switched = await (await io.connect()).admin().switchSmartModule(stored, { signal: io.signal });
  return { ...installed, switched, exitCode: switched.failures.length === 0 ? 0 : 1 };
}

/** The modules that a source offers: the library's, a folder's, a tarball's or a package's. */
async function modulesOf(source: string, io: Io): Promise<readonly OfferedModule[]> {
  const smdk = await import("../../../smdk/index.ts");
  if (/^\.{0,2}[/\\]|^\.{1,2}$|\.tgz$|\.tar\.gz$/.test(source)) {
    const path = resolve(io.cwd, source);
    const found = await stat(path).catch((error: unknown) => {
      throw fileError(source, error);
    });
    if (found.isDirectory()) {
      return await smdk.modulesOfFolder(path).catch(async (error: unknown) => {
        throw await ofProject(error, path);
      });
    }
    return await smdk.modulesOfTarball(path, source);
  }
  const library = await smdk.officialModules();
  const official = officialModule(source, library);
  if (official !== undefined) return [official];
  return await smdk
    .modulesOfRegistry(source, { cwd: io.cwd, env: io.env, signal: io.signal })
    .catch((error: unknown) => {
      throw notThere(error, source, library);
    });
}

/** A project has nothing to install before it is packed: what to do with it instead. */
async function ofProject(error: unknown, dir: string): Promise<unknown> {
  if (!isFluvioError(error) || error.code !== "FLV_PACKAGE") return error;
  const isProject = await stat(join(dir, "SmartModule.toml")).then(
    () => true,
    () => false,
  );
  if (!isProject) return error;
  return flvError(error.code, error.message, {
    details: error.details,
    hint: "This is a SmartModule project: `fluvio smartmodule load` in it builds and stores it.",
    cause: error,
  });
}

/** The official module of a name, or of `name@version` when it is that version. */
function officialModule(source: string, library: readonly OfferedModule[]): OfferedModule | undefined {
  const [name, version] = source.split("@");
  const found = library.find((module) => module.name === name);
  if (found === undefined || version === undefined || version === found.metadata.package.version) return found;
  throw flvError(
    "FLV_ARGUMENT",
    `This installation carries ${name}@${found.metadata.package.version}, not ${version}`,
    {
      details: { name, version },
      hint: `Another release of fluvio may carry it; \`fluvio smartmodule install ${name}\` takes this one.`,
    },
  );
}

const SIMILAR_MAX = 4;

/** Says what was looked for, and where; and which official ones could be meant. */
function notThere(error: unknown, source: string, library: readonly OfferedModule[]): unknown {
  if (!isFluvioError(error)) return error;
  const similar = similarNames(
    source,
    library.map(({ name }) => name),
  );
  const isMissing = error.details.npmCode === "E404";
  const registry = /\bGET (https?:\/\/[^/\s]+)/.exec(error.message)?.[1];
  const place = `the npm registry${registry === undefined ? "" : ` ${registry}`} has no package of this name`;
  const [first, ...more] = similar;
  return flvError(
    error.code,
    isMissing ? `SmartModule not found: ${source} is no official one, and ${place}` : error.message,
    {
      details: error.details,
      hint:
        first === undefined
          ? (error.hint ?? "`fluvio smartmodule install` lists the official ones.")
          : `${more.length === 0 ? "An official one" : "Official ones"} with a similar name: ${similar.join(", ")}.`,
      cause: error,
    },
  );
}

/** The nearest name first, then those that share a word with what was typed. */
function similarNames(source: string, names: readonly string[]): readonly string[] {
  const closest = nearest(source, names);
  const words = source.split(/[^a-z0-9]+/i).filter((word) => word.length > 2);
  const sharing = names.filter((name) => name.split("-").some((word) => words.includes(word)));
  return [...new Set([...(closest === undefined ? [] : [closest]), ...sharing])].slice(0, SIMILAR_MAX);
}

/** The modules to install of those that are offered. @throws FLV_ARGUMENT */
function chosenModules(offered: readonly OfferedModule[], input: Input): readonly OfferedModule[] {
  const names = offered.map(({ name }) => name);
  for (const wanted of input.module) {
    if (names.includes(wanted)) continue;
    throw flvError("FLV_ARGUMENT", `"${input.source}" has no SmartModule ${wanted}`, {
      details: { wanted },
      hint: `It has ${names.join(", ")}.`,
    });
  }
  const chosen = input.module.length === 0 ? offered : offered.filter(({ name }) => input.module.includes(name));
  if (input.name !== undefined && chosen.length > 1) {
    throw flvError("FLV_ARGUMENT", `--name is for one SmartModule, "${input.source}" has ${chosen.length}`, {
      hint: `Choose one with --module: ${names.join(", ")}.`,
    });
  }
  return chosen;
}

async function listLibrary({ output }: Input, io: Io): Promise<number> {
  const { officialModules } = await import("../../../smdk/index.ts");
  const { createSmartEngine } = await import("../../../smartengine/index.ts");
  await using engine = createSmartEngine();
  const rows: {
    readonly name: string;
    readonly version: string;
    readonly kind: string;
    readonly description: string;
    readonly params: Readonly<Record<string, unknown>>;
  }[] = [];
  // One after the other: starting a second worker takes longer than looking at all of them.
  for (const { name, wasm, metadata } of await officialModules()) {
    rows.push({
      name,
      version: metadata.package.version,
      kind: (await engine.inspect(name, wasm)).kind.replace("_", "-"),
      description: metadata.package.description ?? "",
      params: Object.fromEntries(metadata.params),
    });
  }
  printListing(io.stdout, {
    format: output,
    plural: "smartmodules",
    objects: rows,
    empty: "no smart modules",
    table: () =>
      renderTable(
        ["NAME", "KIND", "DESCRIPTION"],
        rows.map(({ name, kind, description }) => [name, kind, description]),
      ),
  });
  return 0;
}
