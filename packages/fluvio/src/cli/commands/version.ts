import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { arch, platform, release, type } from "node:os";
import { type Command, command, flag } from "../command.ts";
import type { Io } from "../io.ts";
import { listPlugins, pluginMetadata } from "../plugins.ts";
import { profileName } from "./profile.ts";

const version = command({
  noun: "version",
  summary: "Print the versions of this program, of the cluster and of the plugins",
  options: { json: flag({ long: "json", short: "j", summary: "As JSON" }) },
  run: async (input, io) => {
    const rows: readonly (readonly [string, string])[] = [
      ["Fluvio CLI", await productVersion()],
      ["Fluvio CLI Arch", `${arch()}-${platform()}`],
      ["Fluvio CLI SHA256", await programHash()],
      ["Fluvio Platform", await platformVersion(io)],
      ["Git Commit", await builtFrom()],
      ["OS Details", await osDetails()],
    ];
    const plugins = await pluginRows(io);
    if (input.json) {
      const [[name, own] = ["", ""], ...rest] = rows;
      const object = {
        name,
        version: own,
        ...Object.fromEntries(rest),
        ...(plugins.length === 0 ? {} : { plugins: Object.fromEntries(plugins) }),
      };
      io.stdout.print(JSON.stringify(object, null, 2));
      return 0;
    }
    print(io, rows);
    if (plugins.length > 0) {
      io.stdout.print();
      io.stdout.print("=== Plugin Versions ===");
      print(io, plugins);
    }
    return 0;
  },
});

function print(io: Io, rows: readonly (readonly [string, string])[]): void {
  const width = Math.max(...rows.map(([label]) => label.length));
  for (const [label, value] of rows) io.stdout.print(` ${label.padEnd(width)} : ${value}`);
}

/** Version of the installed package. */
export async function productVersion(): Promise<string> {
  const manifest = JSON.parse(await readFile(new URL("../../../package.json", import.meta.url), "utf8")) as {
    readonly version: string;
  };
  return manifest.version;
}

/** The commit this program was built from. */
async function builtFrom(): Promise<string> {
  const text = await readFile(new URL("../../commit", import.meta.url), "utf8").catch(() => "");
  return text.trim() || "unknown";
}

async function programHash(): Promise<string> {
  const program = new URL("../../../bin/fluvio.js", import.meta.url);
  return createHash("sha256")
    .update(await readFile(program))
    .digest("hex");
}

async function platformVersion(io: Io): Promise<string> {
  const profile = io.globals.cluster ?? (await profileName(io)) ?? "no profile";
  try {
    return `${(await io.connect()).platformVersion} (${profile})`;
  } catch {
    // Without a cluster there is still a version to tell.
    return `Not available (${profile})`;
  }
}

async function osDetails(): Promise<string> {
  const kernel = `${type() === "Linux" ? "kernel " : ""}${release()}`;
  const file = await readFile("/etc/os-release", "utf8").catch(() => "");
  const name = /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(file)?.[1];
  return `${(name ?? type()).replace(/ \([a-z ]+\)$/, "")} (${kernel})`;
}

async function pluginRows(io: Io): Promise<readonly (readonly [string, string])[]> {
  const rows: (readonly [string, string])[] = [];
  for (const plugin of await listPlugins(io)) {
    const metadata = await pluginMetadata(io, plugin);
    if (metadata !== undefined) rows.push([`${metadata.title} (fluvio-${plugin.name})`, metadata.version]);
  }
  return rows;
}

export const versionCommands: readonly Command[] = [version];
