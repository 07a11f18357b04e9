#!/usr/bin/env node
import module from "node:module";

// Where Node has it (22.1 and newer) the second start is quicker: compiled code is kept.
module.enableCompileCache?.();
const { cdk } = await import("../dist/cli/cdk.js");
process.exitCode = await cdk(process.argv.slice(2));
