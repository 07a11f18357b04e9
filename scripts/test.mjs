#!/usr/bin/env node
/** `npm test`: installs and builds if needed, runs every test that needs only Node, ends with `N passed, N failed`. */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root, setup } from "./lib/setup.mjs";

await setup();

const folder = mkdtempSync(join(tmpdir(), "fluvio-test-"));
const report = join(folder, "report.json");
const vitest = join(root, "node_modules/vitest/vitest.mjs");
const child = spawn(
  process.execPath,
  [vitest, "run", "--reporter=default", "--reporter=json", `--outputFile.json=${report}`, ...process.argv.slice(2)],
  { cwd: root, stdio: "inherit" },
);
const code = await new Promise((done) => child.once("close", (status) => done(status ?? 1)));

let passed = 0;
let failed = 0;
try {
  const { numPassedTests, numFailedTests, numFailedTestSuites, testResults } = JSON.parse(readFileSync(report, "utf8"));
  passed = numPassedTests;
  // A file that cannot even be loaded has no failed test, but is one failure.
  const unloaded = testResults.filter((file) => file.status === "failed" && file.assertionResults.length === 0).length;
  failed = numFailedTests + (numFailedTests === 0 && unloaded === 0 ? Number(numFailedTestSuites > 0) : unloaded);
} catch {
  failed = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
if (passed + failed === 0 || (failed === 0 && code !== 0)) failed++;
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
