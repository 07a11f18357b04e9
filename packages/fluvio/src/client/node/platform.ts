import { setMaxListeners } from "node:events";
import { connect } from "../../transport/index.ts";
import type { Platform } from "../platform.ts";
import { readConfigFile, tlsOptionsOf } from "./config-file.ts";

/** TCP, the configuration file in the user's home, SmartModules in worker threads. */
export const nodePlatform: Platform = {
  connect,
  readConfig: (path) => readConfigFile(path),
  tlsOptionsOf,
  smartEngine: async () => (await import("../../smartengine/index.ts")).createSmartEngine(),
  manyListeners: (signal) => setMaxListeners(0, signal),
  warn: (sentence) => process.emitWarning(sentence, "FluvioWarning"),
};
