import { rm } from "node:fs/promises";
import { join, relative } from "node:path";
import { flvError } from "../../../protocol/index.ts";
import type { Built, Project } from "../../../smdk/index.ts";
import { command, flag, type InputOf, type OptionTable, optionalArgs, value } from "../../command.ts";
import type { Io } from "../../io.ts";
import { nonEmpty } from "../../values.ts";

/** How a project is built, for every command that builds one. */
export const buildOptions = {
  release: value({
    long: "release",
    value: "profile",
    summary: "Rust: cargo profile [default: release-lto]",
    parse: nonEmpty,
  }),
  packageName: value({
    long: "package-name",
    short: "p",
    value: "crate",
    summary: "Rust: crate to build, in a workspace",
    parse: nonEmpty,
  }),
  nowasi: flag({
    long: "nowasi",
    summary: "Rust: build for wasm32-unknown-unknown in place of wasm32-wasip1 (also: SMDK_NOWASI=1)",
  }),
} satisfies OptionTable;

type BuildInput = InputOf<Record<never, never>, typeof buildOptions>;

/**
 * Builds the project that `from` is in, if anything has changed. What the compiler says goes to standard error.
 * @throws FLV_ARGUMENT without a project | FLV_SMARTMODULE_BUILD | FLV_SMARTMODULE_INVALID
 */
export async function buildHere(
  io: Io,
  from: string,
  input: Partial<BuildInput> & { readonly cargoArgs?: readonly string[]; readonly force?: boolean } = {},
): Promise<{ readonly project: Project; readonly built: Built }> {
  const { buildProject, findProject, rustOptionsOf } = await import("../../../smdk/index.ts");
  const project = await findProject(from);
  if (project.language !== "rust") refuseRustOptions(input);
  const rust = rustOptionsOf(io.env);
  const built = await buildProject(project, {
    signal: io.signal,
    force: input.force ?? false,
    onMessage: (text) => io.stderr.print(text),
    rust: {
      ...rust,
      ...(input.nowasi === true ? { nowasi: true } : {}),
      ...(input.release === undefined ? {} : { profile: input.release }),
      ...(input.packageName === undefined ? {} : { packageName: input.packageName }),
      ...(input.cargoArgs === undefined ? {} : { cargoArgs: input.cargoArgs }),
    },
  });
  return { project, built };
}

/** What is meant for cargo has no meaning for a project in TypeScript. */
function refuseRustOptions({
  release,
  packageName,
  nowasi,
  cargoArgs = [],
}: Parameters<typeof buildHere>[2] & object): void {
  const [given] = [
    ...(release === undefined ? [] : ["--release"]),
    ...(packageName === undefined ? [] : ["--package-name"]),
    ...(nowasi === true ? ["--nowasi"] : []),
    ...cargoArgs,
  ];
  if (given === undefined) return;
  throw flvError("FLV_ARGUMENT", `${given} is for projects in Rust, and this one is in TypeScript`, {
    hint: "Leave it out; it is built with nothing to choose.",
  });
}

export const smartmoduleBuild = command({
  noun: "smartmodule",
  verb: "build",
  summary: "Compile the SmartModule project of this folder",
  description:
    "Compile the project that the current folder is in to wasm: TypeScript into target/NAME.wasm, Rust with cargo into " +
    "target/TARGET/PROFILE. Words after -- go to cargo. Which cargo and rustc run can be said by CARGO, RUSTC and " +
    "RUSTFLAGS in the environment.",
  args: {
    cargoArgs: optionalArgs({ name: "cargo args", summary: "Rust: further arguments of cargo build, after --" }),
  },
  options: buildOptions,
  examples: [
    { command: "fluvio smartmodule build" },
    { text: "a crate's feature", command: "fluvio smartmodule build -- --features fast" },
  ],
  run: async (input, io) => {
    const { built } = await buildHere(io, io.cwd, input);
    io.stdout.print(builtLine(io, built));
    return 0;
  },
});

/** `target/my-filter.wasm: filter, 8342 bytes, built in 1.4 s`. */
function builtLine(io: Io, { path, wasm, inspection, rebuilt, timeMs }: Built): string {
  const short = relative(io.cwd, path);
  const shown = short.startsWith("..") ? path : short;
  const kind = inspection.kind.replace("_", "-");
  const how = rebuilt ? `built in ${(timeMs / 1000).toFixed(1)} s` : "nothing has changed";
  return `${shown}: ${kind}, ${wasm.length} bytes, ${how}`;
}

export const smartmoduleClean = command({
  noun: "smartmodule",
  verb: "clean",
  summary: "Remove what builds of this folder's project have left",
  run: async (_input, io) => {
    const { findProject, PACK_DIR, TARGET_DIR } = await import("../../../smdk/index.ts");
    const { dir } = await findProject(io.cwd);
    for (const name of [TARGET_DIR, PACK_DIR]) await rm(join(dir, name), { recursive: true, force: true });
    return 0;
  },
});
