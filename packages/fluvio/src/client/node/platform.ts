import { connect } from "../../transport/index.ts";
import type { Platform } from "../platform.ts";
import { readConfigFile, tlsOptionsOf } from "./config-file.ts";

/** TCP, and the configuration file in the user's home. */
export const nodePlatform: Platform = { connect, readConfig: (path) => readConfigFile(path), tlsOptionsOf };
