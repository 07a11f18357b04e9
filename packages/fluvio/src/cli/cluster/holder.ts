import type { DataDirHolder } from "../../server/index.ts";
import type { ClusterSettings } from "./settings.ts";

// The server is loaded only where a command has to do with it: it would double the start of every other command.

/** The process that runs the cluster; nothing when it is stopped. */
export async function clusterHolder(settings: ClusterSettings): Promise<DataDirHolder | undefined> {
  const { dataDirHolder } = await import("../../server/index.ts");
  return await dataDirHolder(settings.data_dir);
}

/** Whether that process still runs. */
export async function isRunning(holder: DataDirHolder): Promise<boolean> {
  const { isHolderAlive } = await import("../../server/index.ts");
  return await isHolderAlive(holder);
}
