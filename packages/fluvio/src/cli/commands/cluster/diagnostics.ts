import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { arch, cpus, freemem, platform, release, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { clusterHolder } from "../../cluster/holder.ts";
import { type ClusterSettings, readSettings } from "../../cluster/settings.ts";
import { command, flag } from "../../command.ts";
import type { Io } from "../../io.ts";
import { errorLine } from "../../report.ts";
import { profileInstallation, profileName } from "../profile.ts";
import { productVersion } from "../version.ts";

/** Of each log file the end goes in. */
const LOG_SIZE_BYTES_MAX = 8 * 1024 * 1024;

/** One file of the archive. */
interface Item {
  readonly name: string;
  collect(folder: string): Promise<void>;
}

export const diagnostics = command({
  noun: "cluster",
  verb: "diagnostics",
  summary: "Collect what a maintainer needs into an archive",
  description:
    "Writes diagnostics-YYYY-mm-dd-HH-MM-SS.tar.gz into the current folder: versions, settings, metadata, sizes and logs. " +
    "No records, no certificates and no values of secrets.",
  options: { quiet: flag({ long: "quiet", summary: "Print only where the archive is" }) },
  run: async (input, io) => {
    const say = (line: string): void => {
      if (!input.quiet) io.stdout.print(line);
    };
    say(`Installation type: ${(await profileInstallation(io)) ?? "none"}`);
    say(`Profile: ${(await profileName(io)) ?? "none"}`);
    const folder = await mkdtemp(join(tmpdir(), "fluvio-diagnostics-"));
    try {
      for (const item of await items(io)) {
        try {
          await item.collect(folder);
          say(`Collected ${item.name}`);
        } catch (error) {
          // What cannot be had is part of the picture.
          await writeFile(join(folder, `${item.name.replaceAll("/", "-")}.error.txt`), `${errorLine(error)}\n`);
          say(`Could not collect ${item.name}: ${errorLine(error)}`);
        }
      }
      const path = join(io.cwd, `diagnostics-${timestamp(new Date(io.now()))}.tar.gz`);
      const { create } = await import("tar");
      await create({ gzip: true, file: path, cwd: folder, portable: true }, await readdir(folder));
      io.stdout.print(`Wrote diagnostics to ${path}`);
      return 0;
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
});

function timestamp(date: Date): string {
  return date.toISOString().slice(0, 19).replace("T", "-").replaceAll(":", "-");
}

async function items(io: Io): Promise<readonly Item[]> {
  const settings = await readSettings(io).catch(() => undefined);
  return [
    json("system.json", async () => ({
      version: await productVersion(),
      node: process.version,
      system: `${platform()} ${release()} ${arch()}`,
      cpus: cpus().length,
      memoryBytes: { total: totalmem(), free: freemem() },
    })),
    ...(settings === undefined ? [] : localItems(settings)),
    ...(["Topic", "Partition", "SPU", "SpuGroup", "TableFormat", "ManagedConnector"] as const).map((label) =>
      json(`metadata-${label}.json`, async () => (await io.connect()).admin().list(label, [], { signal: io.signal })),
    ),
    json("metadata-SmartModule.json", async () =>
      (await io.connect()).admin().listSmartModules([], { summary: true, signal: io.signal }),
    ),
  ];
}

function localItems(settings: ClusterSettings): readonly Item[] {
  return [
    json("settings.json", async () => ({
      ...settings,
      running: (await clusterHolder(settings)) !== undefined,
    })),
    json("data-files.json", async () => await fileSizes(settings.data_dir)),
    { name: "logs", collect: (folder) => copyLogs(settings.log_dir, join(folder, "logs")) },
  ];
}

function json(name: string, collect: () => Promise<unknown>): Item {
  return {
    name,
    collect: async (folder) => {
      const text = JSON.stringify(
        await collect(),
        (_, value: unknown) => (value instanceof Uint8Array ? textOrSize(value) : value),
        2,
      );
      await writeFile(join(folder, name), `${text}\n`);
    },
  };
}

/** A connector's configuration (already without secrets) is text; other bytes are only counted. */
function textOrSize(bytes: Uint8Array): string {
  const text = new TextDecoder().decode(bytes);
  return text.startsWith("{") ? text : `${bytes.length} bytes`;
}

async function fileSizes(folder: string): Promise<Readonly<Record<string, number>>> {
  const sizes: Record<string, number> = {};
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    // a cluster that runs replaces files meanwhile
    const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOENT") throw error;
      return undefined;
    });
    if (found !== undefined) sizes[path] = found.size;
  }
  return sizes;
}

async function copyLogs(from: string, to: string): Promise<void> {
  await mkdir(to);
  for (const name of await readdir(from)) {
    if (!/\.log(\.\d+)?$/.test(name)) continue;
    const { size } = await stat(join(from, name));
    const start = Math.max(0, size - LOG_SIZE_BYTES_MAX);
    await pipeline(createReadStream(join(from, name), { start }), createWriteStream(join(to, name)));
  }
}
