import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLogEngine, type LogEngineOptions, type StorageEngine } from "../index.ts";
import type { StoragePlace } from "./conformance.ts";

/** A new temporary folder that log engines are opened on. */
export interface LogPlace extends StoragePlace {
  readonly directory: string;
  open(options?: Partial<LogEngineOptions>): Promise<StorageEngine>;
}

export async function makeLogPlace(defaults: Partial<LogEngineOptions> = {}): Promise<LogPlace> {
  const directory = await mkdtemp(join(tmpdir(), "fluvio-log-"));
  return {
    directory,
    open: (options) => createLogEngine({ directory, ...defaults, ...options }),
    remove: () => rm(directory, { recursive: true, force: true }),
  };
}
