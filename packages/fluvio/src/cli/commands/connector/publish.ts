import { copyFile, readdir, rm } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import type { ConnectorProject } from "../../../cdk/index.ts";
import { flvError } from "../../../protocol/index.ts";
import { command, flag, value } from "../../command.ts";
import { fileError } from "../../files.ts";
import type { Io } from "../../io.ts";
import { askToPublish, checkVisibility, visibilityArgs } from "../../publishing.ts";
import { nonEmpty } from "../../values.ts";
import { buildConnectorHere, formerBuildOptions } from "./build.ts";

export const connectorPublish = command({
  noun: "connector",
  verb: "publish",
  summary: "Publish the connector of this folder's project to the npm registry",
  description:
    "Builds the project that the current folder is in, makes a npm package of it and publishes that with your npm: its " +
    "registry and its login apply. Others then write `type: npm:PACKAGE@VERSION` in their connector files.",
  options: {
    dryRun: flag({ long: "dry-run", summary: "Show what would be published, but publish nothing" }),
    pack: flag({ long: "pack", summary: "Only make the package", conflicts: ["push"] }),
    push: flag({ long: "push", summary: "Make the package and publish it [default]" }),
    noBuild: flag({ long: "no-build", summary: "Take what was built before" }),
    publicYes: flag({ long: "public-yes", aliases: ["yes"], summary: "Publish without asking" }),
    readme: value({ long: "readme", value: "path", summary: "README of the package", parse: nonEmpty }),
    remote: value({ long: "remote", value: "url", summary: "Another registry than npm's own", parse: nonEmpty }),
    ...formerBuildOptions,
  },
  examples: [{ text: "look at it first", command: "cdk publish --dry-run" }, { command: "cdk publish" }],
  run: async ({ dryRun, pack, noBuild, publicYes, readme, remote }, io) => {
    const { findConnectorProject } = await import("../../../cdk/index.ts");
    const { runNpm } = await import("../../../npm/index.ts");
    const project = noBuild ? await findConnectorProject(io.cwd) : await buildConnectorHere(io);
    const { dir, name, version, isPublic } = project;
    const npm = { cwd: dir, env: io.env, signal: io.signal };
    if (readme !== undefined) await takeReadme(io, readme, dir);
    const from = remote === undefined ? [] : [`--registry=${remote}`];
    io.stdout.print(`Creating package ${name}@${version}`);
    if (dryRun) {
      const files = packedFiles(await runNpm(["pack", "--dry-run", "--json", "--ignore-scripts"], npm));
      for (const { path, size } of files) io.stdout.print(`  ${path} (${size} bytes)`);
      const registry = remote ?? (await runNpm(["config", "get", "registry"], npm)).trim();
      io.stdout.print(`Would publish ${name}@${version} to ${registry}, ${isPublic ? "public" : "private"}`);
      return 0;
    }
    const tarball = await packed(project, io);
    io.stdout.print(`Package ${relative(io.cwd, tarball)} created`);
    if (pack) return 0;
    if (isPublic && !publicYes)
      await askToPublish(io, name, `The package ${name} is public. Publish it for everybody?`);
    const access = isPublic ? "public" : "restricted";
    const words = ["publish", tarball, "--ignore-scripts", "--access", access, ...from];
    await runNpm(words, { ...npm, terminal: io.ownsProcess && io.stdinIsTty });
    io.stdout.print(`Published ${name}@${version}`);
    return 0;
  },
});

async function takeReadme(io: Io, path: string, dir: string): Promise<void> {
  const from = resolve(io.cwd, path);
  if (from === join(dir, "README.md")) return;
  await copyFile(from, join(dir, "README.md")).catch((error: unknown) => {
    throw fileError(path, error);
  });
}

interface PackedFile {
  readonly path: string;
  readonly size: number;
}

/** @param json what `npm pack --json` says, of which versions put a map in the place of the list */
function packedFiles(json: string): readonly PackedFile[] {
  const said = JSON.parse(json) as unknown;
  const [first] = Object.values(said as Record<string, { readonly files?: readonly PackedFile[] }>);
  return first?.files ?? [];
}

async function packed({ dir, name, version }: ConnectorProject, io: Io): Promise<string> {
  const { runNpm } = await import("../../../npm/index.ts");
  const file = `${name.replace(/^@/, "").replaceAll("/", "-")}-${version}.tgz`;
  await rm(join(dir, file), { force: true });
  await runNpm(["pack", "--ignore-scripts"], { cwd: dir, env: io.env, signal: io.signal });
  if ((await readdir(dir)).includes(file)) return join(dir, file);
  throw flvError("FLV_PACKAGE", `npm did not write ${file}`, { details: { dir } });
}

export const connectorSetPublic = command({
  noun: "connector",
  verb: "set-public",
  summary: "Say in package.json whether the connector is published for everybody",
  args: visibilityArgs,
  check: checkVisibility,
  run: async ({ visible = "true" }, io) => {
    const { findConnectorProject, setPublic } = await import("../../../cdk/index.ts");
    const project = await findConnectorProject(io.cwd);
    await setPublic(project, visible === "true");
    io.stdout.print(`Connector "${project.name}" is ${visible === "true" ? "public" : "private"}`);
    return 0;
  },
});
