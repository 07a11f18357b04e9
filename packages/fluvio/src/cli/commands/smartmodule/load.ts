import { resolve } from "node:path";
import { command, flag, value } from "../../command.ts";
import { nonEmpty } from "../../values.ts";
import { inspectModule, readWasmFile } from "../chain/options.ts";
import { buildHere, buildOptions } from "./build.ts";
import { packageId, registerModule, registerOptions } from "./register.ts";

export const smartmoduleLoad = command({
  noun: "smartmodule",
  verb: "load",
  summary: "Store the SmartModule of this folder's project in the cluster",
  description:
    "Build the project that the current folder is in, if anything has changed, and store its module in the cluster with " +
    "name, group, version and parameters of its SmartModule.toml.",
  options: {
    name: value({ long: "name", value: "name", summary: "Store it under another name", parse: nonEmpty }),
    packagePath: value({ long: "package-path", value: "dir", summary: "Folder of the project", parse: nonEmpty }),
    wasmFile: value({
      long: "wasm-file",
      value: "path",
      summary: "Module that is built already, in place of a build",
      parse: nonEmpty,
    }),
    dryRun: flag({ long: "dry-run", summary: "Build and check, but store nothing" }),
    ...registerOptions,
    ...buildOptions,
  },
  examples: [
    { command: "fluvio smartmodule load" },
    { text: "a new build of the same version", command: "fluvio smartmodule load --replace" },
  ],
  run: async ({ name, packagePath, wasmFile, dryRun, ...rest }, io) => {
    const { findProject, noGroup, readPackageFile } = await import("../../../smdk/index.ts");
    const from = resolve(io.cwd, packagePath ?? ".");
    const dir = wasmFile === undefined ? (await findProject(from)).dir : from;
    io.stdout.print(`Loading package at: ${dir}`);
    const found = await readPackageFile(dir);
    if (found.package.group === "") throw noGroup();
    const meta = name === undefined ? found : { ...found, package: { ...found.package, name } };
    io.stdout.print(`Found SmartModule package: ${meta.package.name}`);
    const wasm =
      wasmFile === undefined ? (await buildHere(io, dir, rest)).built.wasm : await readWasmFile(io, wasmFile);
    if (wasmFile !== undefined) await inspectModule(meta.package.name, wasm);
    if (dryRun) {
      io.stdout.print(`Would create SmartModule: ${packageId(meta)} (${wasm.length} bytes)`);
      return 0;
    }
    const client = await io.connect();
    io.stdout.print(`Trying connection to fluvio ${client.address}`);
    io.stdout.print(`Creating SmartModule: ${packageId(meta)}`);
    return await registerModule(io, { ...rest, name: meta.package.name, wasm, meta });
  },
});
