import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { runCli } from "../testing/run.ts";

const run = promisify(execFile);

/** What bash offers for a line, by the real bash. */
async function offered(line: string): Promise<string[]> {
  const { stdout: script } = await runCli(["completions", "bash"]);
  const words = line.split(" ");
  const setup = `${script}\nCOMP_WORDS=(${words.map((word) => `'${word}'`).join(" ")})\nCOMP_CWORD=${words.length - 1}\n_fluvio_complete\nprintf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout } = await run("bash", ["-c", setup]);
  return stdout.trim().split("\n");
}

test("bash offers commands, their options, and those of aliases", async () => {
  expect(await offered("fluvio ")).toEqual(expect.arrayContaining(["topic", "connector", "cluster", "--profile"]));
  expect(await offered("fluvio top")).toEqual(["topic"]);
  expect(await offered("fluvio cluster spu ")).toEqual(expect.arrayContaining(["list", "register", "unregister"]));
  expect(await offered("fluvio -P p connector create --c")).toEqual(["--config"]);
  expect(await offered("fluvio connector re")).toEqual(["resume", "restart", "reset"]);
  expect(await offered("fluvio secret ")).toEqual(["set", "list", "delete"]);
  expect(await offered("fluvio smart-module cr")).toEqual(["create"]);
  expect(await offered("fluvio sm ge")).toEqual(["generate"]);
  expect(await offered("fluvio sm preview --to")).toEqual(["--topic"]);
});

test("every shell's script names every command, under another name if asked", async () => {
  for (const shell of ["bash", "zsh", "fish"]) {
    const { exitCode, stdout } = await runCli(["completions", shell, "--name", "flv"]);
    expect(exitCode).toBe(0);
    for (const word of ["flv", "topic", "consume", "connector", "spg"]) expect(stdout).toContain(word);
    // Hidden commands and options stay hidden.
    expect(stdout).not.toContain("use-k8-port-forwarding");
  }
});

test("a shell that is not known is an argument error", async () => {
  expect((await runCli(["completions", "tcsh"])).exitCode).toBe(2);
  expect((await runCli(["completions"])).exitCode).toBe(2);
});

test("metadata lists the commands as JSON", async () => {
  const { stdout } = await runCli(["metadata"], { env: { PATH: "" } });
  const all = JSON.parse(stdout) as { title: string; description: string; version: string }[];
  expect(all.map((one) => one.title)).toEqual(["topic", "partition", "produce", "consume"]);
  for (const one of all) expect(one.description).not.toBe("");
});

test("version works without a cluster", async () => {
  const { exitCode, stdout } = await runCli(["version"], { env: { PATH: "", FLUVIO_DIR: "/nonexistent" } });
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(/^ Fluvio CLI {8}: \d+\.\d+\.\d+\n/);
  expect(stdout).toContain(" Fluvio Platform   : Not available (no profile)\n");
});
