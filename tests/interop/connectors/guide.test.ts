import { execFile } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { blocksOf, followGuide } from "../../e2e/guide.ts";
import { freePort } from "../../free-port.ts";
import { Postgres } from "../services/postgres.ts";

/**
 * The guide of docs/connectors.md as its reader follows it, with files and commands as they are written there. Only two
 * addresses are others: the web page is a server of this machine, and PostgreSQL has a free port.
 */
const run = promisify(execFile);
const root = resolve(import.meta.dirname, "../../..");
const state: { postgres?: Postgres; page?: Server; folder: string } = { folder: "" };
const environment = (): NodeJS.ProcessEnv => ({
  ...process.env,
  HOME: state.folder,
  FLUVIO_DIR: join(state.folder, ".fluvio"),
  PATH: `${join(state.folder, "bin")}:${process.env.PATH}`,
});
const fluvio = (...args: readonly string[]) => run("fluvio", args, { env: environment(), cwd: state.folder });

beforeAll(async () => {
  state.folder = await mkdtemp(join(tmpdir(), "fluvio-guide-"));
  await mkdir(join(state.folder, "bin"));
  const command = join(state.folder, "bin/fluvio");
  await writeFile(command, `#!/bin/sh\nexec ${process.execPath} ${join(root, "packages/fluvio/bin/fluvio.js")} "$@"\n`);
  await chmod(command, 0o755);
  state.postgres = await Postgres.start();
  let facts = 0;
  state.page = createServer((_, response) => {
    const length = ++facts % 2 === 0 ? 150 : 40;
    response.end(JSON.stringify({ fact: `fact ${facts} ${"x".repeat(length)}`.slice(0, length), length }));
  });
  state.page.listen(0, "127.0.0.1");
  await once(state.page, "listening");
  const [address, base] = [await freePort(), await freePort()];
  const ports = ["--sc-pub-addr", `127.0.0.1:${address}`, "--spu-base-port", String(base), "--gateway-addr", "off"];
  await fluvio("cluster", "start", ...ports);
});
afterAll(async () => {
  await fluvio("cluster", "delete", "--force").catch(() => {});
  state.page?.close();
  await state.postgres?.[Symbol.asyncDispose]();
  await rm(state.folder, { recursive: true, force: true });
});

test("cat facts come into PostgreSQL by the files and commands of docs/connectors.md", async () => {
  const address = state.page?.address() as AddressInfo | undefined;
  const page = `http://127.0.0.1:${address?.port}/fact`;
  const here = (text: string) =>
    text
      .replaceAll("https://catfact.ninja/fact", page)
      .replaceAll("localhost:5432", `127.0.0.1:${state.postgres?.port}`)
      .replaceAll("interval: 10s", "interval: 200ms");
  const blocks = (await blocksOf(join(root, "docs/connectors.md"))).map((block) => ({
    ...block,
    text: here(block.text),
  }));
  for (const { info, text } of blocks) {
    const name = /^# ([\w-]+\.yml)\n/.exec(text)?.[1];
    if (info === "yaml" && name !== undefined) await writeFile(join(state.folder, name), text);
  }
  const commands = blocks.filter(({ info }) => info === "sh");
  expect(commands.map(({ text }) => text).join("\n")).toMatch(/create --config cat-facts.yml[\s\S]*psql[\s\S]*delete/);
  const shell = { cwd: state.folder, env: environment() };
  const isLook = (text: string) => text.startsWith("fluvio connector list");
  const looks = commands.findIndex(({ text }) => isLook(text));
  await followGuide(commands.slice(0, looks), shell);
  const counted = async () =>
    (await state.postgres?.query("SELECT count(*)::int AS n, max(length) AS long FROM facts"))?.[0];
  await vi.waitFor(async () => expect((await counted())?.n).toBeGreaterThan(3), { timeout: 30_000, interval: 100 });
  expect((await counted())?.long).toBe(40);
  const list = await fluvio("connector", "list");
  expect(list.stdout).toMatch(/cat-facts\s+Running/);
  expect(list.stdout).toMatch(/facts-to-postgres\s+Running/);
  await followGuide(commands.slice(looks), shell);
  expect((await fluvio("connector", "list")).stdout).not.toContain("cat-facts");
});
