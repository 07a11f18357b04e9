import { writeFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import type { FluvioAdmin } from "../../../client/index.ts";
import {
  flvError,
  isFluvioError,
  type MetadataOf,
  meantSmartModule,
  type SmartModuleMetadata,
} from "../../../protocol/index.ts";
import { arg, args, type Command, command, flag, type OptionTable, value, values } from "../../command.ts";
import { readUserFile } from "../../files.ts";
import type { Io } from "../../io.ts";
import { formatObject, type OutputFormat, outputOption, printListing } from "../../output/format.ts";
import { confirm } from "../../prompt.ts";
import { Exit, errorLine, sentence } from "../../report.ts";
import { nonEmpty } from "../../values.ts";
import { inspectModule, readWasmFile } from "../chain/options.ts";
import { smartmoduleBuild, smartmoduleClean } from "./build.ts";
import { smartmoduleGenerate } from "./generate.ts";
import { smartmoduleInstall } from "./install.ts";
import { smartmoduleLoad } from "./load.ts";
import { smartmodulePreview } from "./preview.ts";
import { smartmodulePublish, smartmoduleSetPublic } from "./publish.ts";
import { registerModule, registerOptions } from "./register.ts";
import { smartmoduleStateCommands } from "./state.ts";
import { smartmoduleStats } from "./stats.ts";
import { smartmoduleTest } from "./test-command.ts";
import {
  type SmartModuleReports,
  shownName,
  smartmoduleDetails,
  smartmoduleObject,
  smartmoduleTable,
  smartmoduleWideTable,
} from "./view.ts";

type SmartModule = MetadataOf<"SmartModule">;
const nameArg = arg({ name: "name", summary: "Name of the SmartModule" });

const createOptions = {
  wasmFile: value({ long: "wasm-file", value: "path", summary: "The module as built (.wasm)", parse: nonEmpty }),
  package: value({
    long: "package",
    value: "dir",
    summary: "Directory with a SmartModule.toml: name, version, parameters",
    parse: nonEmpty,
  }),
  ...registerOptions,
  force: flag({ long: "force", summary: "Store the module even if it cannot run here" }),
} satisfies OptionTable;

const smartmoduleCreate = command({
  noun: "smartmodule",
  verb: "create",
  summary: "Store a SmartModule in the cluster",
  args: { name: nameArg },
  options: createOptions,
  examples: [
    { command: "fluvio smartmodule create my-filter --wasm-file my_filter.wasm" },
    {
      text: "new code, for running streams too",
      command: "fluvio smartmodule create my-filter --wasm-file my_filter.wasm --replace --hot",
    },
  ],
  check: ({ wasmFile }) =>
    wasmFile === undefined ? "the following required arguments were not provided:\n  --wasm-file <path>" : undefined,
  run: async ({ name, wasmFile = "", package: packageDir, replace, force, hot }, io) => {
    const wasm = await (force ? readUserFile(io, wasmFile) : readWasmFile(io, wasmFile));
    if (!force) await checkRuns(name, wasm);
    const meta = packageDir === undefined ? undefined : await readPackage(io, packageDir);
    if (meta !== undefined && meta.package.name !== name) throw otherName(name, meta, packageDir);
    return await registerModule(io, { name, wasm, meta, replace, hot }, `smartmodule "${name}" has been created.`);
  },
});

/** A packaged module is stored under the name in its file. */
function otherName(name: string, meta: SmartModuleMetadata, dir = ""): Error {
  const named = meta.package.name;
  return flvError("FLV_ARGUMENT", `${join(dir, "SmartModule.toml")} is of a SmartModule "${named}", not "${name}"`, {
    details: { name, named },
    hint: `Create it as "${named}", or change the name in the file.`,
  });
}

async function checkRuns(name: string, wasm: Uint8Array): Promise<void> {
  try {
    await inspectModule(name, wasm);
  } catch (error) {
    if (!isFluvioError(error)) throw error;
    const hint = "Use --force to store it all the same, for a cluster that can run it.";
    throw flvError(error.code, error.message, {
      details: error.details,
      hint: error.hint === undefined ? hint : `${sentence(error.hint)} ${hint}`,
      cause: error,
    });
  }
}

async function readPackage(io: Io, dir: string) {
  const path = join(dir, "SmartModule.toml");
  const { parsePackageFile } = await import("../../../smdk/index.ts");
  return parsePackageFile(new TextDecoder().decode(await readUserFile(io, path)), path);
}

const smartmoduleList = command({
  noun: "smartmodule",
  verb: "list",
  summary: "List the stored SmartModules",
  options: {
    output: outputOption,
    filter: values({
      long: "filter",
      value: "filter",
      summary: "Only those whose name matches; may be repeated",
      parse: nonEmpty,
    }),
    wide: flag({ long: "wide", summary: "More columns: kind, size and hash of the code, why it cannot run" }),
  },
  run: async ({ output, filter, wide }, io) => {
    const admin = (await io.connect()).admin();
    const modules = await admin.listSmartModules(filter, { summary: true, signal: io.signal });
    const reports = modules.length === 0 ? NO_REPORTS : await moduleReports(admin, filter, io.signal);
    printModules(io, modules, reports ?? NO_REPORTS, output, wide);
    return 0;
  },
});

const NO_REPORTS: SmartModuleReports = new Map();

/** What the cluster found in modules; nothing when it is one that cannot say. */
async function moduleReports(
  admin: FluvioAdmin,
  names: readonly string[],
  signal: AbortSignal,
): Promise<SmartModuleReports | undefined> {
  try {
    const reports = await admin.inspectSmartModules(names, { signal });
    return new Map(reports.map((report) => [report.name, report]));
  } catch (error) {
    if (isFluvioError(error) && error.code === "FLV_UNSUPPORTED") return undefined;
    throw error;
  }
}

function printModules(
  io: Io,
  modules: readonly SmartModule[],
  reports: SmartModuleReports,
  format: OutputFormat,
  wide = false,
): void {
  printListing(io.stdout, {
    format,
    plural: "smartmodules",
    objects: modules.map((module) => smartmoduleObject(module, reports.get(module.name))),
    empty: "no smart modules",
    table: () => (wide ? smartmoduleWideTable(modules, reports) : smartmoduleTable(modules, reports)),
  });
}

const smartmoduleDescribe = command({
  noun: "smartmodule",
  verb: "describe",
  summary: "Show a SmartModule in detail",
  args: { name: nameArg },
  options: { output: outputOption },
  run: async ({ name, output }, io) => {
    const admin = (await io.connect()).admin();
    const found = meantSmartModule(name, await admin.listSmartModules([name], { summary: true, signal: io.signal }));
    if (found === undefined) {
      throw flvError("FLV_SMARTMODULE_NOT_FOUND", `SmartModule not found: ${name}`, {
        details: { name },
        hint: "List them with `fluvio smartmodule list`.",
      });
    }
    const report = (await moduleReports(admin, [name], io.signal))?.get(found.name);
    if (output === "table") await io.stdout.write(smartmoduleDetails(found, report));
    else io.stdout.print(formatObject(smartmoduleObject(found, report), output));
    return 0;
  },
});

const smartmoduleDownload = command({
  noun: "smartmodule",
  verb: "download",
  summary: "Write a stored SmartModule to a file",
  args: { name: nameArg },
  options: {
    out: value({
      long: "out-file",
      short: "o",
      value: "path",
      summary: "File to write [default: NAME.wasm]",
      parse: nonEmpty,
    }),
    force: flag({ long: "force", summary: "Replace a file that is there, without asking" }),
  },
  run: async ({ name, out, force }, io) => {
    const client = await io.connect();
    const wasm = await client.admin().downloadSmartModule(name, { signal: io.signal });
    const path = out ?? `${basename(name)}.wasm`;
    if (!(await writeDownload(io, path, wasm, force))) return 1;
    io.stdout.print(`smartmodule "${name}" written to ${path}`);
    return 0;
  },
});

/** False when the user keeps the file that is there. @throws FLV_FILE when nobody can be asked, or it cannot be written */
async function writeDownload(io: Io, path: string, wasm: Uint8Array, force: boolean): Promise<boolean> {
  const write = (flag: "w" | "wx") => writeFile(resolve(io.cwd, path), wasm, { flag });
  try {
    await write(force ? "w" : "wx");
    return true;
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) {
      throw flvError("FLV_FILE", `cannot write "${path}": ${errorLine(error)}`, { details: { path }, cause: error });
    }
  }
  if (!io.stdinIsTty) {
    throw flvError("FLV_FILE", `cannot write "${path}": there is a file of this name`, {
      details: { path },
      hint: "Replace it with --force, or name another with --out-file.",
    });
  }
  if (!(await confirm(io, `Replace the file ${path}?`))) return false;
  await write("w");
  return true;
}

const smartmoduleDelete = command({
  noun: "smartmodule",
  verb: "delete",
  summary: "Delete SmartModules",
  args: { names: args({ name: "name", summary: "Names of the SmartModules" }) },
  options: {
    continueOnError: flag({ long: "continue-on-error", short: "c", summary: "Go on with the next one after an error" }),
  },
  run: async ({ names, continueOnError }, io) => {
    const admin = (await io.connect()).admin();
    let failed = false;
    for (const name of names) {
      try {
        const matching = await admin.listSmartModules([name], { summary: true, signal: io.signal });
        await admin.deleteSmartModule(name, { signal: io.signal });
        io.stdout.print(`smartmodule "${name}" deleted${ofSeveral(name, matching)}`);
      } catch (error) {
        if (!continueOnError) throw error;
        failed = true;
        io.stdout.print(`smart module "${name}" delete failed with: ${errorLine(error)}`);
      }
    }
    if (!failed) return 0;
    io.stderr.print("Failed deleting smart module(s). Check previous errors.");
    throw new Exit(1);
  },
});

/** Of several versions the newest was deleted: which, and what the name means now. */
function ofSeveral(name: string, matching: readonly SmartModule[]): string {
  const deleted = meantSmartModule(name, matching);
  const left = meantSmartModule(
    name,
    matching.filter((module) => module !== deleted),
  );
  if (deleted === undefined || left === undefined) return "";
  return ` (${shownName(deleted)}); ${name} is now ${shownName(left)}`;
}

const smartmoduleWatch = command({
  noun: "smartmodule",
  verb: "watch",
  summary: "List the SmartModules, again at every change",
  options: { output: outputOption },
  run: async ({ output }, io) => {
    const admin = (await io.connect()).admin();
    const known = new Map<string, SmartModule>();
    // of a cluster that cannot say what its modules are this is asked once
    let reports: SmartModuleReports | undefined = NO_REPORTS;
    for await (const event of admin.watch("SmartModule", { summary: true, signal: io.signal })) {
      if (event.kind === "all") known.clear();
      for (const module of event.objects) known.set(module.name, module);
      for (const name of event.deleted) known.delete(name);
      if (reports !== undefined) reports = await moduleReports(admin, [], io.signal);
      io.stdout.print();
      printModules(io, [...known.values()], reports ?? NO_REPORTS, output);
    }
    return 0;
  },
});

export const smartmoduleCommands: readonly Command[] = [
  smartmoduleGenerate,
  smartmoduleBuild,
  smartmoduleCreate,
  smartmoduleList,
  smartmoduleDescribe,
  smartmoduleDownload,
  smartmoduleDelete,
  smartmoduleWatch,
  smartmoduleStats,
  ...smartmoduleStateCommands,
  smartmoduleTest,
  smartmodulePreview,
  smartmoduleLoad,
  smartmoduleInstall,
  smartmodulePublish,
  smartmoduleSetPublic,
  smartmoduleClean,
];
