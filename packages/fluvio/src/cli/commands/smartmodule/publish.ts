import { readFile, writeFile } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { command, flag, value } from "../../command.ts";
import { askToPublish, checkVisibility, visibilityArgs } from "../../publishing.ts";
import { nonEmpty } from "../../values.ts";
import { buildHere, buildOptions } from "./build.ts";

export const smartmodulePublish = command({
  noun: "smartmodule",
  verb: "publish",
  summary: "Publish the SmartModule of this folder's project to the npm registry",
  description:
    "Build the project that the current folder is in, make a npm package @GROUP/NAME of it in .hub, and publish that with " +
    "your npm: its registry and its login apply. Others get it with `fluvio smartmodule install @GROUP/NAME`.",
  options: {
    pack: flag({ long: "pack", summary: "Only make the package", conflicts: ["push"] }),
    push: flag({ long: "push", summary: "Make the package and publish it [default]" }),
    readme: value({
      long: "readme",
      value: "path",
      summary: "README of the package [default: README.md]",
      parse: nonEmpty,
    }),
    publicYes: flag({ long: "public-yes", aliases: ["yes"], summary: "Publish without asking" }),
    dryRun: flag({ long: "dry-run", summary: "Say what would be published, but publish nothing" }),
    ...buildOptions,
  },
  examples: [
    { text: "look at it first", command: "fluvio smartmodule publish --pack" },
    { command: "fluvio smartmodule publish" },
  ],
  run: async ({ pack, readme, publicYes, dryRun, ...build }, io) => {
    const { packProject } = await import("../../../smdk/index.ts");
    const { runNpm } = await import("../../../npm/index.ts");
    const { project, built } = await buildHere(io, io.cwd, build);
    const npm = { env: io.env, signal: io.signal };
    const packed = await packProject(project, built, {
      ...npm,
      ...(readme === undefined ? {} : { readme: resolve(io.cwd, readme) }),
    });
    io.stdout.print(`Package made: ${relative(io.cwd, packed.tarball)}`);
    if (pack) return 0;
    const { visibility } = project.metadata.package;
    const registry = (await runNpm(["config", "get", "registry"], { ...npm, cwd: project.dir })).trim();
    const what = `${packed.packageName}@${packed.version} to ${registry}, ${visibility}`;
    if (!dryRun && !publicYes) await askToPublish(io, packed.packageName, `Publish ${what}?`);
    const access = visibility === "public" ? "public" : "restricted";
    const flags = ["--ignore-scripts", "--access", access, ...(dryRun ? ["--dry-run"] : [])];
    await runNpm(["publish", packed.tarball, ...flags], {
      ...npm,
      cwd: project.dir,
      terminal: io.ownsProcess && io.stdinIsTty,
    });
    io.stdout.print(`${dryRun ? "Would publish" : "Published"} ${what}`);
    return 0;
  },
});

export const smartmoduleSetPublic = command({
  noun: "smartmodule",
  verb: "set-public",
  summary: "Say in SmartModule.toml whether the module is published for everybody",
  args: visibilityArgs,
  check: checkVisibility,
  run: async ({ visible = "true" }, io) => {
    const { findProject, PACKAGE_FILE, withVisibility } = await import("../../../smdk/index.ts");
    const { dir, metadata } = await findProject(io.cwd);
    const path = join(dir, PACKAGE_FILE);
    const visibility = visible === "true" ? "public" : "private";
    await writeFile(path, withVisibility(await readFile(path, "utf8"), visibility));
    io.stdout.print(`SmartModule "${metadata.package.name}" is ${visibility}`);
    return 0;
  },
});
