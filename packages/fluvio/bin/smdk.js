#!/usr/bin/env node
import module from "node:module";

// Where Node has it (22.1 and newer) the second start is quicker: compiled code is kept.
module.enableCompileCache?.();
const { smdk } = await import("../dist/cli/smdk.js");
process.exitCode = await smdk(process.argv.slice(2));
