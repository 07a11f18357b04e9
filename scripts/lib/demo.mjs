/** The walk-through that `npm start` shows. Every step is a command that the reader can repeat. */
import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join, relative } from "node:path";
import { anyFreePort, serveApi, stopApi } from "./api.mjs";
import { bold, commandLine, cyan, file, heading, note } from "./show.mjs";

const RAW = "cat-facts";
const MAPPED = "cat-facts-mapped";
const MODULE = "catfact-map";
const RECORDS_SHOWN = 5;

const demoFolder = () => join(process.env.FLUVIO_DIR ?? join(homedir(), ".fluvio"), "demo");

/** @returns the exit code */
export async function runDemo(root, { once }) {
  const shell = commands(root);
  const undo = [];
  const interrupted = new AbortController();
  const interrupt = () => interrupted.abort();
  process.once("SIGINT", interrupt).once("SIGTERM", interrupt);
  let failed = false;
  try {
    await walkThrough(root, shell, undo, interrupted.signal);
  } catch (error) {
    failed = true;
    console.error(`\n${error.message}`);
  }
  if (once) {
    heading("Stopping what was started");
    for (const step of undo.reverse()) await step();
  } else if (!failed) goOn();
  return failed ? 1 : 0;
}

export async function stopDemo(root) {
  const shell = commands(root);
  heading("Stopping the demo");
  if ((await shell.quiet(["cluster", "status"])).code === 0) {
    const running = await existing(shell, "connector");
    const ours = [RAW, MAPPED].filter((name) => running.has(name));
    if (ours.length > 0) await shell.run(["connector", "delete", ...ours]);
  }
  await shell.run(["cluster", "shutdown"]);
  note((await stopApi(demoFolder())) ? "the cat-facts API is stopped" : "the cat-facts API was not running");
  return 0;
}

async function walkThrough(root, shell, undo, signal) {
  const step = async (title, work) => {
    signal.throwIfAborted();
    heading(title);
    await work();
  };
  const folder = demoFolder();
  let api;
  await step("1 · A cluster on this machine", () => ensureCluster(shell, undo));
  await step("2 · An API with cat facts", async () => {
    api = await serveApi(root, folder);
    if (api.started) {
      undo.push(async () => {
        await stopApi(folder);
        note("the cat-facts API is stopped");
      });
    }
    commandLine(`curl http://localhost:${api.port}/fact`);
    console.log(await (await fetch(`http://localhost:${api.port}/fact`)).text());
  });
  const connectors = await existing(shell, "connector");
  await step("3 · A connector brings them into a topic", async () => {
    await ensureTopic(shell, undo, RAW);
    await ensureConnector(shell, undo, connectors, { name: RAW, folder, port: api.port });
    await shell.run(["connector", "list"]);
    await shell.run(["consume", RAW, "-B", "--end", String(RECORDS_SHOWN - 1)]);
  });
  await step("4 · A SmartModule takes the fact out of the JSON", () => ensureModule(root, shell, undo));
  await step("5 · The same connector with the SmartModule", async () => {
    await ensureTopic(shell, undo, MAPPED);
    await ensureConnector(shell, undo, connectors, { name: MAPPED, folder, port: api.port, map: MODULE });
    await shell.run(["connector", "list"]);
    await shell.run(["consume", MAPPED, "-B", "--end", String(RECORDS_SHOWN - 1)]);
  });
}

async function ensureCluster(shell, undo) {
  const profile = (await shell.quiet(["profile"])).output.trim();
  const isLocal = profile === "local";
  if (isLocal && (await shell.quiet(["cluster", "status"])).code === 0) {
    commandLine("fluvio cluster status");
    await shell.run(["cluster", "status"], { announce: false });
    note("this cluster is running already: it is used");
    return;
  }
  const others = (await shell.quiet(["profile", "list", "-O", "json"])).output;
  if (!isLocal && others.startsWith("[") && JSON.parse(others).some((one) => one.profile === profile)) {
    undo.push(() => shell.run(["profile", "switch", profile]));
  }
  const attempt = await shell.run(["cluster", "start"], { mayFail: true });
  if (attempt.code !== 0) {
    if (!/port \d+ is in use/.test(attempt.output)) throw new Error("the cluster could not be started");
    note("another program has the port: other ports are used");
    const address = `127.0.0.1:${await anyFreePort()}`;
    const gateway = `127.0.0.1:${await anyFreePort()}`;
    const ports = ["--sc-pub-addr", address, "--spu-base-port", String(await anyFreePort()), "--gateway-addr", gateway];
    await shell.run(["cluster", "start", ...ports]);
  }
  undo.push(() => shell.run(["cluster", "shutdown"]));
}

async function ensureTopic(shell, undo, name) {
  if ((await existing(shell, "topic")).has(name)) return note(`topic ${name} exists already`);
  await shell.run(["topic", "create", name]);
  undo.push(() => shell.run(["topic", "delete", name]));
}

async function ensureConnector(shell, undo, connectors, { name, folder, port, map }) {
  const path = join(folder, `${name}.yml`);
  const text = `# connect.yml
version: 0.3.0
name: ${name}
type: http
topic: ${name}
direction: source
parameters:
  endpoint: http://localhost:${port}/fact
  interval: 500ms
${map === undefined ? "" : `  map: "${map}"\n`}`;
  mkdirSync(folder, { recursive: true });
  writeFileSync(path, text);
  file(text);
  if (connectors.has(name)) {
    await shell.run(["connector", "update", `--config=${path}`]);
    return;
  }
  await shell.run(["connector", "create", `--config=${path}`]);
  undo.push(() => shell.run(["connector", "delete", name]));
}

async function ensureModule(root, shell, undo) {
  const project = join(root, "examples/cat-facts/catfact-map");
  const wasm = join(project, "target/catfact-map.wasm");
  commandLine(`(cd ${relative(process.cwd(), project)} && fluvio smartmodule build)`);
  await shell.run(["smartmodule", "build"], { cwd: project, announce: false });
  const known = (await existing(shell, "smartmodule")).has(MODULE);
  await shell.run([
    "smartmodule",
    "create",
    MODULE,
    `--wasm-file=${relative(process.cwd(), wasm)}`,
    ...(known ? ["--replace"] : []),
  ]);
  if (!known) undo.push(() => shell.run(["smartmodule", "delete", MODULE]));
}

/** Names of the objects of one kind. */
async function existing(shell, noun) {
  const { output } = await shell.quiet([noun, "list", "-O", "json"]);
  // An empty list is a sentence.
  return new Set(output.startsWith("[") ? JSON.parse(output).map((one) => one.name) : []);
}

function goOn() {
  heading("Everything runs in the background. Go on with");
  const rows = [
    [`npx fluvio consume ${MAPPED}`, "watch new facts arrive; Ctrl-C ends it"],
    [
      `npx fluvio consume ${RAW} -B -d --map ${MODULE}`,
      "the same SmartModule, applied by the server to stored records",
    ],
    ["npx fluvio connector list", "the connectors and how they are"],
    [`npx fluvio connector logs ${MAPPED}`, "what a connector says; -f follows"],
    ["npx fluvio cluster status", "the cluster"],
    ["npm start -- --stop", "stop everything; topics stay until `npx fluvio cluster delete`"],
  ];
  const width = Math.max(...rows.map(([command]) => command.length));
  for (const [command, what] of rows) console.log(`  ${cyan(command.padEnd(width))}  ${what}`);
  console.log(`\n${bold("Topics, SmartModules and connectors of your own:")} README.md\n`);
}

/** Runs the checkout's own `fluvio`. */
function commands(root) {
  const fluvio = join(root, "packages/fluvio/bin/fluvio.js");
  const start = (args, inherit, cwd) =>
    new Promise((resolve, reject) => {
      const output = inherit ? "inherit" : "pipe";
      const child = spawn(process.execPath, [fluvio, ...args], { cwd, stdio: ["ignore", output, "pipe"] });
      let text = "";
      child.stdout?.on("data", (data) => (text += data));
      child.stderr.on("data", (data) => {
        text += data;
        if (inherit) process.stderr.write(data);
      });
      child.once("error", reject);
      child.once("close", (code) => resolve({ code: code ?? 1, output: text }));
    });
  const checked = (result, what) => {
    if (result.code !== 0) throw new Error(`${what} failed (exit ${result.code})`);
    return result;
  };
  return {
    /** With the command shown before its output. */
    run: async (args, { announce = true, mayFail = false, cwd } = {}) => {
      if (announce) commandLine(`fluvio ${args.join(" ")}`);
      const result = await start(args, true, cwd);
      return mayFail ? result : checked(result, `fluvio ${args.join(" ")}`);
    },
    quiet: (args) => start(args, false),
  };
}
