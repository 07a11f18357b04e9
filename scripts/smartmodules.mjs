#!/usr/bin/env node
/** Puts the official SmartModules, compiled, and their package files into packages/fluvio/dist/smartmodules. */
import { mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { compileLibrary, libraryNames, librarySource, put } from "./lib/smartmodules.mjs";

const root = resolve(import.meta.dirname ?? new URL(".", import.meta.url).pathname, "..");
const target = join(root, "packages/fluvio/dist/smartmodules");
const tty = process.stdout.isTTY === true;

const names = libraryNames();
const compiled = await compileLibrary(names, (done, total) => {
  if (tty) process.stdout.write(`\r\u001b[2K${done < total ? `compiling SmartModules … ${done} of ${total}` : ""}`);
}).catch((error) => {
  console.error(`\n${error.message}`);
  process.exit(1);
});

mkdirSync(target, { recursive: true });
for (const [name, wasm] of compiled) {
  // the wasm is last: what lists the folder expects a package file beside each
  put(join(target, `${name}.toml`), readFileSync(join(librarySource(name), "SmartModule.toml")));
  put(join(target, `${name}.wasm`), readFileSync(wasm));
}
for (const file of readdirSync(target)) {
  if (!names.some((name) => file === `${name}.wasm` || file === `${name}.toml`)) rmSync(join(target, file));
}
