/** What `npm start` and `npm test` need before anything else: packages and a build. Only Node's own modules here. */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

export const root = resolve(import.meta.dirname ?? new URL(".", import.meta.url).pathname, "../..");
const stampPath = join(root, "node_modules", ".fluvio-setup.json");

const NODE_MIN = [20, 19];

/** Ends the process with a clear sentence on a Node that is too old. */
function requireNode() {
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1])) return;
  console.error(`Fluvio needs Node ${NODE_MIN.join(".")} or newer; this is ${process.version}. See https://nodejs.org`);
  process.exit(1);
}

/** Installs and builds what is missing or older than its sources. */
export async function setup() {
  requireNode();
  const lock = hashOf("package-lock.json");
  if (stamp()?.lock !== lock || !existsSync(join(root, "node_modules", ".bin"))) {
    // Not `npm ci`: it refuses a lock file that was written where packages for other systems could not be had.
    await step("installing packages", "npm", ["install", "--no-save", "--no-audit", "--no-fund", "--loglevel=error"]);
    save({ lock });
  }
  const sources = newest(join(root, "packages"));
  if (stamp()?.built !== sources || !existsSync(join(root, "packages/fluvio/dist/cli/main.js"))) {
    await step("building", "npm", ["run", "--silent", "build"]);
    save({ lock, built: sources });
  }
}

function stamp() {
  try {
    return JSON.parse(readFileSync(stampPath, "utf8"));
  } catch {
    return undefined;
  }
}

function save(value) {
  writeFileSync(stampPath, JSON.stringify(value));
}

function hashOf(file) {
  return createHash("sha256")
    .update(readFileSync(join(root, file)))
    .digest("hex");
}

/** Time and number of the sources below a folder, so that a change, an addition and a removal all show. */
function newest(folder) {
  let count = 0;
  let latestMs = 0;
  const visit = (path) => {
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      if (entry.name === "node_modules" || entry.name === "dist" || entry.name.startsWith(".")) continue;
      const inner = join(path, entry.name);
      if (entry.isDirectory()) visit(inner);
      else if (/\.(ts|js|json|toml)$/.test(entry.name)) {
        count++;
        latestMs = Math.max(latestMs, statSync(inner).mtimeMs);
      }
    }
  };
  visit(folder);
  return `${count} ${latestMs}`;
}

/** Runs a command with its progress shown: a clock on a terminal, a line elsewhere; its output only when it fails. */
async function step(what, command, args) {
  const startedMs = performance.now();
  const seconds = () => `${((performance.now() - startedMs) / 1000).toFixed(0)} s`;
  const tty = process.stdout.isTTY === true;
  if (!tty) console.log(`${what} …`);
  const timer = tty ? setInterval(() => process.stdout.write(`\r\u001b[2K${what} … ${seconds()}`), 200) : undefined;
  const child = spawn(command, args, {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
    shell: process.platform === "win32",
  });
  let output = "";
  child.stdout.on("data", (data) => (output += data));
  child.stderr.on("data", (data) => (output += data));
  const code = await new Promise((done) => {
    child.once("error", (error) => {
      output += error.message;
      done(1);
    });
    child.once("close", done);
  });
  clearInterval(timer);
  if (tty) process.stdout.write("\r\u001b[2K");
  if (code !== 0) {
    process.stderr.write(`${output}\n${what} failed: ${command} ${args.join(" ")}\n`);
    process.exit(1);
  }
  console.log(`${what} … done in ${seconds()}`);
}
