#!/usr/bin/env node
/** Puts the AssemblyScript sources of the SmartModule SDK beside its builder: the compiler reads them as they are. */
import { cpSync, rmSync } from "node:fs";
import { resolve } from "node:path";

const root = resolve(import.meta.dirname ?? new URL(".", import.meta.url).pathname, "..");
const target = resolve(root, "packages/fluvio/dist/smartmodule/assembly");
rmSync(target, { recursive: true, force: true });
cpSync(resolve(root, "packages/smartmodule/assembly"), target, { recursive: true });
