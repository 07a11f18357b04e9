import type { Io } from "../../io.ts";

/** A package that is there already is found sooner. */
const SAID_AFTER_MS = 1500;

/** Says what takes so long when the cluster has to install what a connector needs before it can answer. */
export async function whileInstalling<T>(bytes: Uint8Array, io: Io, work: () => Promise<T>): Promise<T> {
  const { decodeConfig, driversOf, isPackageType } = await import("../../../connector/index.ts");
  const config = decodeConfig(bytes);
  const needed = isPackageType(config.type) ? [config.type] : Object.keys(driversOf(config));
  if (needed.length === 0) return await work();
  const sentence = `The cluster installs ${needed.join(", ")} with npm unless it is there; its log tells how far it is`;
  const timer = setTimeout(() => io.stderr.print(sentence), SAID_AFTER_MS);
  try {
    return await work();
  } finally {
    clearTimeout(timer);
  }
}
