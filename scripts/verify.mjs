#!/usr/bin/env node
/**
 * Runs every gate in order and stops at the first that fails; `--except NAME[,NAME]` leaves gates out, `--list` names them.
 * A gate that checked nothing fails: each prints what it looked at.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const gates = [
  { name: "lint", says: "format, imports, lint", commands: [["npx", "biome", "ci", "--error-on-warnings", "."]] },
  { name: "build", says: "types, layers, JavaScript", commands: [["npm", "run", "--silent", "build"]] },
  { name: "types", says: "types of tests and benchmarks", commands: [["npm", "run", "--silent", "types"]] },
  {
    name: "docs",
    says: "docs/PROTOCOL.md is what the code declares",
    commands: [["npm", "run", "--silent", "docs:protocol", "--", "--check"]],
  },
  { name: "dead-code", says: "unused files, exports, dependencies", commands: [["npx", "knip"]] },
  {
    name: "api-docs",
    says: "API reference without warnings",
    commands: [["npm", "run", "--silent", "build", "-w", "@fluvio/apidoc"]],
  },
  { name: "tests", says: "npm test", commands: [["npm", "test"]] },
  { name: "package", says: "shape of the tarball and of its types", run: checkPackage },
  { name: "e2e", says: "the tarball, installed and used", commands: [["npm", "run", "--silent", "test:e2e"]] },
];

const except = flagValue("--except")?.split(",") ?? [];
const unknown = except.filter((name) => !gates.some((gate) => gate.name === name));
if (unknown.length > 0) {
  console.error(`no gate ${unknown.join(", ")}; gates: ${gates.map((gate) => gate.name).join(", ")}`);
  process.exit(2);
}
if (process.argv.includes("--list")) {
  for (const gate of gates) console.log(`${gate.name.padEnd(10)} ${gate.says}`);
  process.exit(0);
}

let passed = 0;
for (const gate of gates) {
  if (except.includes(gate.name)) continue;
  console.log(`\n── ${gate.name}: ${gate.says}`);
  const started = performance.now();
  const ok = gate.run === undefined ? gate.commands.every(([command, ...args]) => execute(command, args)) : gate.run();
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  if (!ok) {
    console.log(`── ${gate.name} failed after ${seconds} s\n${passed} passed, 1 failed`);
    process.exit(1);
  }
  passed++;
  console.log(`── ${gate.name} ok, ${seconds} s`);
}
console.log(`\n${passed} passed, 0 failed`);

function execute(command, args) {
  return spawnSync(command, args, { stdio: "inherit" }).status === 0;
}

function checkPackage() {
  const folder = mkdtempSync(join(tmpdir(), "fluvio-pack-"));
  try {
    if (!execute("npm", ["pack", "--silent", "--pack-destination", folder, "-w", "fluvio"])) return false;
    const [tarball] = readdirSync(folder);
    if (tarball === undefined) return false;
    return (
      execute("npx", ["publint", "--strict", join(folder, tarball)]) &&
      execute("npx", ["attw", join(folder, tarball), "--profile", "esm-only"])
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function flagValue(flag) {
  const at = process.argv.indexOf(flag);
  return at < 0 ? undefined : process.argv[at + 1];
}
