#!/usr/bin/env node
/**
 * Builds the images of connectors: `npm run images -- TYPE… [--base IMAGE] [--tool "docker"] [--tag latest]`, for instance
 * `npm run images -- http kafka-sink`. Each is called infinyon/fluvio-connect-TYPE.
 */
import { spawn, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { root, setup } from "../scripts/lib/setup.mjs";

/** What only building SmartModules needs: a third of the product, and a connector builds none. */
const LEFT_OUT = ["assemblyscript", "binaryen", "json-as"];
const TOOLS = ["docker", "podman", "buildah"];
const USAGE = `usage: npm run images -- TYPE… [--base IMAGE] [--tool ${TOOLS.join("|")}] [--tag TAG]`;

const { values, positionals: types } = parseArgs({
  options: {
    base: { type: "string" },
    tool: { type: "string" },
    tag: { type: "string", default: "latest" },
  },
  allowPositionals: true,
});
if (types.length === 0) fail(`name the connectors to build images of\n${USAGE}`);
const tool = values.tool?.split(" ") ?? TOOLS.find((name) => spawnSync(name, ["--version"]).status === 0)?.split(" ");
if (tool === undefined) fail(`none of ${TOOLS.join(", ")} is installed`);

await setup();
const { CATALOGUE } = await import("../packages/fluvio/dist/connector/index.js");
const entries = types.map((type) => {
  const entry = CATALOGUE.find((one) => one.types.includes(type));
  if (entry !== undefined) return { type, drivers: entry.drivers ?? {} };
  return fail(`there is no connector ${type}; there are ${CATALOGUE.flatMap((one) => one.types).join(", ")}`);
});

const { version } = JSON.parse(readFileSync(join(root, "packages/fluvio/package.json"), "utf8"));
const work = mkdtempSync(join(tmpdir(), "fluvio-images-"));
try {
  const packed = JSON.parse(await output("npm", ["pack", "--json", "--pack-destination", work, "-w", "fluvio"]));
  // Connectors that need the same drivers share the layers of their images.
  for (const family of families(entries).values()) {
    const context = mkdtempSync(join(work, "context-"));
    await prepare(context, join(work, packed[0].filename), family[0].drivers);
    for (const { type } of family) {
      const image = `infinyon/fluvio-connect-${type}:${values.tag}`;
      console.log(`building ${image}`);
      await output(tool[0], [
        ...tool.slice(1),
        "build",
        ...["--build-arg", `TYPE=${type}`, "--build-arg", `VERSION=${version}`],
        ...(values.base === undefined ? [] : ["--build-arg", `BASE=${values.base}`]),
        ...["-f", join(context, "Containerfile"), "-t", image, context],
      ]);
    }
  }
} catch (error) {
  fail(error.message);
} finally {
  rmSync(work, { recursive: true, force: true });
}

/** What an image is made of: the product as npm installs it, and a home that its user owns. */
async function prepare(context, tarball, drivers) {
  mkdirSync(join(context, "files/home/fluvio/.fluvio"), { recursive: true });
  const app = join(context, "files/app");
  mkdirSync(app);
  cpSync(join(root, "containers/Containerfile"), join(context, "Containerfile"));
  writeFileSync(join(app, "package.json"), '{ "private": true }\n');
  const packages = Object.entries(drivers).map(([name, wanted]) => `${name}@${wanted}`);
  await output("npm", [
    ...["install", "--prefix", app, "--omit=dev", "--no-audit", "--no-fund", "--loglevel=error"],
    tarball,
    ...packages,
  ]);
  for (const name of LEFT_OUT) rmSync(join(app, "node_modules", name), { recursive: true, force: true });
}

/** Connectors by what they need besides the product. */
function families(list) {
  const found = new Map();
  for (const one of list) {
    const key = JSON.stringify(one.drivers);
    found.set(key, [...(found.get(key) ?? []), one]);
  }
  return found;
}

/** What a command prints; shown when it fails. */
function output(command, args) {
  return new Promise((done, failed) => {
    const child = spawn(command, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (data) => {
      stdout += data;
    });
    child.stderr.on("data", (data) => {
      stderr += data;
    });
    child.once("error", failed);
    child.once("close", (status) =>
      status === 0 ? done(stdout) : failed(new Error(`${command} ${args.join(" ")}\n${stderr}${stdout}`)),
    );
  });
}

function fail(sentence) {
  console.error(sentence);
  process.exit(1);
}
