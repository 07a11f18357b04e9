#!/usr/bin/env node
/**
 * `npm start`: from a fresh clone to cat facts that flow from an HTTP API through a SmartModule into a topic.
 *
 *   npm start               installs and builds if needed, starts what is not running, shows it, leaves it running
 *   npm start -- --once     the same with five records each, then stops what it started
 *   npm start -- --stop     stops what `npm start` left running
 */
import { root, setup } from "./lib/setup.mjs";

await setup();
const { runDemo, stopDemo } = await import("./lib/demo.mjs");
const once = process.argv.includes("--once");
try {
  process.exitCode = process.argv.includes("--stop") ? await stopDemo(root) : await runDemo(root, { once });
} catch (error) {
  console.error(`\n${error.message}`);
  process.exitCode = 1;
}
