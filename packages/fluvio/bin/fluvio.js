#!/usr/bin/env node
import module from "node:module";

// Where Node has it (22.1 and newer) the second start is quicker: compiled code is kept.
module.enableCompileCache?.();
const { main } = await import("../dist/cli/main.js");
process.exitCode = await main(process.argv.slice(2));
