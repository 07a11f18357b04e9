#!/usr/bin/env node
/** Writes the commit that a build is made from beside it, for `fluvio version`; without git there is none to write. */
import { execFileSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";

const root = resolve(import.meta.dirname ?? new URL(".", import.meta.url).pathname, "..");
const path = resolve(root, "packages/fluvio/dist/commit");
const git = ["describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"];
try {
  writeFileSync(path, execFileSync("git", git, { cwd: root, stdio: ["ignore", "pipe", "ignore"] }));
} catch {
  rmSync(path, { force: true });
}
