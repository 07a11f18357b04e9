import { mkdir } from "node:fs/promises";
import { setLocalProfile } from "../commands/profile.ts";
import { productVersion } from "../commands/version.ts";
import type { Io } from "../io.ts";
import type { Checklist } from "./checklist.ts";
import { preflight } from "./checks.ts";
import { type Started, startInBackground } from "./local-process.ts";
import { type ClusterSettings, defaultSettings, readSettings, scAddress } from "./settings.ts";
import { profileTls } from "./tls.ts";

export interface StartOptions {
  readonly skipChecks: boolean;
  readonly skipProfileCreation: boolean;
}

/** Settings of the last start, else the defaults. */
export async function currentSettings(io: Io): Promise<ClusterSettings> {
  const version = await productVersion();
  return { ...((await readSettings(io)) ?? defaultSettings(io, version)), version };
}

/** Checks, starts the cluster in the background, waits until it is ready and makes `local` the active profile. */
export async function startCluster(
  io: Io,
  settings: ClusterSettings,
  options: StartOptions,
  list: Checklist,
): Promise<void> {
  try {
    if (!options.skipChecks) {
      await preflight(io, settings, list);
      list.headline("🎉 All checks passed!");
    }
    await launch(io, settings, options, list);
  } finally {
    list.end();
  }
}

async function launch(io: Io, settings: ClusterSettings, options: StartOptions, list: Checklist): Promise<void> {
  list.progress("Creating log directory");
  list.progress("Sync files");
  await mkdir(io.baseDir, { recursive: true });
  list.done("✅ Local Cluster initialized");
  const started = options.skipProfileCreation
    ? await startProcess(io, settings, list)
    : await withLocalProfile(io, settings, list, () => startProcess(io, settings, list));
  list.progress(`🖥️ ${started.spus}/${settings.spus} SPU confirmed, 0 seconds elapsed`);
  list.done(`✅ ${started.spus} SPU launched`);
  list.headline("🎯 Successfully installed Local Fluvio cluster");
}

/** Makes `local` the active profile for the work; when that fails the profiles are as they were. */
async function withLocalProfile<T>(
  io: Io,
  settings: ClusterSettings,
  list: Checklist,
  work: () => Promise<T>,
): Promise<T> {
  list.progress(`Creating Local Profile to: ${scAddress(settings)}`);
  const restore = await setLocalProfile(io, scAddress(settings), profileTls(settings.tls));
  list.done("👤 Profile set");
  try {
    return await work();
  } catch (error) {
    await restore();
    throw error;
  }
}

async function startProcess(io: Io, settings: ClusterSettings, list: Checklist): Promise<Started> {
  list.progress("🖥️  Starting SC server");
  list.progress(`🖥️  Trying to connect to SC: ${scAddress(settings)} 0 seconds elapsed`);
  const started = await startInBackground(io, settings);
  list.done("✅ SC Launched");
  for (let spu = 1; spu <= settings.spus; spu++) list.progress(`🤖 Starting SPU: (${spu}/${settings.spus})`);
  return started;
}
