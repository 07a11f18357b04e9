import { writeFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { flvError, isFluvioError, type MetadataOf } from "../../protocol/index.ts";
import { arg, args, type Command, command, flag, type OptionTable, value, values } from "../command.ts";
import { readUserFile } from "../files.ts";
import type { Io } from "../io.ts";
import { formatObject, type OutputFormat, outputOption, printListing } from "../output/format.ts";
import { Exit, errorLine, sentence } from "../report.ts";
import { nonEmpty } from "../values.ts";
import { smartmoduleBuild, smartmoduleClean } from "./smartmodule-build.ts";
import { smartmoduleGenerate } from "./smartmodule-generate.ts";
import { smartmoduleInstall } from "./smartmodule-install.ts";
import { smartmoduleLoad } from "./smartmodule-load.ts";
import { inspectModule, readWasmFile } from "./smartmodule-options.ts";
import { smartmodulePublish, smartmoduleSetPublic } from "./smartmodule-publish.ts";
import { registerModule, registerOptions } from "./smartmodule-register.ts";
import { smartmoduleTest } from "./smartmodule-test.ts";
import { smartmoduleDetails, smartmoduleObject, smartmoduleTable } from "./smartmodule-view.ts";

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
  examples: [{ command: "fluvio smartmodule create my-filter --wasm-file my_filter.wasm" }],
  check: ({ wasmFile }) =>
    wasmFile === undefined ? "the following required arguments were not provided:\n  --wasm-file <path>" : undefined,
  run: async ({ name, wasmFile = "", package: packageDir, replace, force }, io) => {
    const wasm = await readWasmFile(io, wasmFile);
    if (!force) await checkRuns(name, wasm);
    const meta = packageDir === undefined ? undefined : await readPackage(io, packageDir);
    await registerModule(io, { name, wasm, meta, replace });
    io.stdout.print(`smartmodule "${name}" has been created.`);
    return 0;
  },
});

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
  const { parsePackageFile } = await import("../../smdk/index.ts");
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
  },
  run: async ({ output, filter }, io) => {
    const client = await io.connect();
    const modules = await client.admin().listSmartModules(filter, { summary: true, signal: io.signal });
    printModules(io, modules, output);
    return 0;
  },
});

function printModules(io: Io, modules: readonly SmartModule[], format: OutputFormat): void {
  printListing(io.stdout, {
    format,
    plural: "smartmodules",
    objects: modules.map(smartmoduleObject),
    empty: "no smart modules",
    table: () => smartmoduleTable(modules),
  });
}

const smartmoduleDescribe = command({
  noun: "smartmodule",
  verb: "describe",
  summary: "Show a SmartModule in detail",
  args: { name: nameArg },
  options: { output: outputOption },
  run: async ({ name, output }, io) => {
    const client = await io.connect();
    const [found] = await client.admin().listSmartModules([name], { summary: true, signal: io.signal });
    if (found === undefined) {
      throw flvError("FLV_SMARTMODULE_NOT_FOUND", `SmartModule not found: ${name}`, {
        details: { name },
        hint: "List them with `fluvio smartmodule list`.",
      });
    }
    if (output === "table") await io.stdout.write(smartmoduleDetails(found));
    else io.stdout.print(formatObject(smartmoduleObject(found), output));
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
  },
  run: async ({ name, out }, io) => {
    const client = await io.connect();
    const wasm = await client.admin().downloadSmartModule(name, { signal: io.signal });
    const path = out ?? `${basename(name)}.wasm`;
    await writeFile(resolve(io.cwd, path), wasm);
    io.stdout.print(`smartmodule "${name}" written to ${path}`);
    return 0;
  },
});

const smartmoduleDelete = command({
  noun: "smartmodule",
  verb: "delete",
  summary: "Delete SmartModules",
  args: { names: args({ name: "name", summary: "Names of the SmartModules" }) },
  options: {
    continueOnError: flag({ long: "continue-on-error", short: "c", summary: "Go on with the next one after an error" }),
  },
  run: async ({ names, continueOnError }, io) => {
    const client = await io.connect();
    let failed = false;
    for (const name of names) {
      try {
        await client.admin().deleteSmartModule(name, { signal: io.signal });
        io.stdout.print(`smartmodule "${name}" deleted`);
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

const smartmoduleWatch = command({
  noun: "smartmodule",
  verb: "watch",
  summary: "List the SmartModules, again at every change",
  options: { output: outputOption },
  run: async ({ output }, io) => {
    const client = await io.connect();
    const known = new Map<string, SmartModule>();
    for await (const event of client.admin().watch("SmartModule", { summary: true, signal: io.signal })) {
      if (event.kind === "all") known.clear();
      for (const module of event.objects) known.set(module.name, module);
      for (const name of event.deleted) known.delete(name);
      io.stdout.print();
      printModules(io, [...known.values()], output);
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
  smartmoduleTest,
  smartmoduleLoad,
  smartmoduleInstall,
  smartmodulePublish,
  smartmoduleSetPublic,
  smartmoduleClean,
];
