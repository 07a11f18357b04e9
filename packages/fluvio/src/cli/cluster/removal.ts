import { readdir, rm, rmdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { formatSize } from "../../client/index.ts";
import { flvError } from "../../protocol/index.ts";
import type { Io } from "../io.ts";
import { type ClusterSettings, removeSettings, settingsPath } from "./settings.ts";

/** What a cluster keeps in its data folder, by name. */
const DATA_ENTRY = /^(cluster\.lock.*|metadata|connectors(\.config)?|secrets\.key(\.new)?|spu-logs-\d+)$/;
const LOG_ENTRY = /^(cluster|connector_[a-z0-9-]+|spu_log_\d+)\.log(\.\d+)?$/;

/**
 * Deletes everything of a stopped cluster and tells what it was, one line each.
 * @throws FLV_FILE when the data folder holds something that is not a cluster's: nothing is deleted then
 */
export async function removeCluster(io: Io, settings: ClusterSettings): Promise<readonly string[]> {
  const foreign = (await list(settings.data_dir)).filter((name) => !DATA_ENTRY.test(name));
  if (foreign.length > 0) {
    throw flvError(
      "FLV_FILE",
      `The data folder ${settings.data_dir} holds files that are not the cluster's: ${foreign.join(", ")}`,
      {
        hint: "move them away, or delete the folder by hand",
        details: { dataDir: settings.data_dir, files: foreign },
      },
    );
  }
  const removed: string[] = [];
  const dataSize = await sizeOf(settings.data_dir);
  if (dataSize !== undefined) {
    await rm(settings.data_dir, { recursive: true, force: true });
    removed.push(`data    ${settings.data_dir} (${formatSize(dataSize)})`);
  }
  const logs = (await list(settings.log_dir)).filter((name) => LOG_ENTRY.test(name));
  for (const name of logs) await rm(join(settings.log_dir, name), { force: true });
  if (logs.length > 0)
    removed.push(`logs    ${settings.log_dir} (${logs.length} ${logs.length === 1 ? "file" : "files"})`);
  // Other programs may log there too.
  await rmdir(settings.log_dir).catch(() => {});
  if ((await sizeOf(settingsPath(io))) !== undefined) {
    await removeSettings(io);
    removed.push(`settings ${settingsPath(io)}`);
  }
  return removed;
}

async function list(folder: string): Promise<readonly string[]> {
  return await readdir(folder).catch((): string[] => []);
}

/** Bytes in a file or below a folder; nothing when it is not there. */
async function sizeOf(path: string): Promise<number | undefined> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined || !found.isDirectory()) return found?.size;
  let total = 0;
  for (const name of await list(path)) total += (await sizeOf(join(path, name))) ?? 0;
  return total;
}
