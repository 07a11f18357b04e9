/** The cat-facts API as a background process, remembered in a file so that the next run finds it. */
import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";

const FIRST_PORT = 8080;
const PORTS_TRIED = 20;
const READY_TIMEOUT_MS = 10_000;

/** The API's address and whether this call started it. */
export async function serveApi(root, folder) {
  const known = remembered(folder);
  if (known !== undefined && (await answers(known.port))) return { ...known, started: false };
  mkdirSync(folder, { recursive: true });
  const port = await freePort();
  const log = openSync(join(folder, "api.log"), "a");
  const child = spawn(process.execPath, [join(root, "examples/cat-facts/server.mjs"), "--port", String(port)], {
    detached: true,
    stdio: ["ignore", log, log],
  });
  closeSync(log);
  child.unref();
  const deadline = performance.now() + READY_TIMEOUT_MS;
  while (!(await answers(port))) {
    if (performance.now() > deadline || child.exitCode !== null) {
      throw new Error(`the cat-facts API did not start; its log is ${join(folder, "api.log")}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  writeFileSync(join(folder, "api.json"), JSON.stringify({ pid: child.pid, port }));
  return { pid: child.pid, port, started: true };
}

/** Ends the remembered API; true when there was one. */
export async function stopApi(folder) {
  const known = remembered(folder);
  rmSync(join(folder, "api.json"), { force: true });
  if (known === undefined || !(await answers(known.port))) return false;
  try {
    process.kill(known.pid, "SIGTERM");
  } catch {
    return false;
  }
  return true;
}

function remembered(folder) {
  try {
    return JSON.parse(readFileSync(join(folder, "api.json"), "utf8"));
  } catch {
    return undefined;
  }
}

/** Whether our API answers there: another program on the same port gives something else. */
async function answers(port) {
  try {
    const response = await fetch(`http://localhost:${port}/fact`, { signal: AbortSignal.timeout(2000) });
    return typeof (await response.json()).fact === "string";
  } catch {
    return false;
  }
}

async function freePort() {
  for (let port = FIRST_PORT; port < FIRST_PORT + PORTS_TRIED; port++) {
    if (await isFree(port)) return port;
  }
  return await anyFreePort();
}

function isFree(port) {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
  });
}

/** A port that no program has, from the system. */
export function anyFreePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}
