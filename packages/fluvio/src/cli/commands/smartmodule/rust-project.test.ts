import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RunOptions, runCli } from "../../testing/run.ts";

const env = { PATH: process.env.PATH ?? "" };

let dir = "";
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "fluvio-smdk-rust-"));
});
afterAll(async () => {
  await rm(dir, { recursive: true, force: true });
});

const run = (argv: readonly string[], options: RunOptions = {}) => runCli(argv, { cwd: dir, env, ...options });

describe("a project in Rust", () => {
  /** Stands for a toolchain that this machine may not have: prints what the real one does, and fails like it. */
  const toolchain = async (name: string, message: string) => {
    const path = join(dir, name);
    await writeFile(path, `#!/bin/sh\nprintf '%s\\n' '${message}' >&2\nexit 101\n`);
    await chmod(path, 0o755);
    return { cwd: join(dir, "rusty"), env: { ...env, CARGO: path } };
  };

  beforeAll(async () => {
    expect((await run(["sm", "generate", "rusty", "--language", "rust"])).exitCode).toBe(0);
  });

  it.each([
    ["error[E0463]: can\u0027\\\u0027\u0027t find crate for `core`", "rustup target add wasm32-wasip1"],
    ['error: could not find specification for target "wasm32-wasip1"', "rustup update"],
  ])("%s: the command that installs it", async (message, command) => {
    const { exitCode, stderr } = await run(["sm", "build"], await toolchain("cargo-without-target", message));
    expect(stderr).toContain("The Rust target wasm32-wasip1 is not installed (FLV_SMARTMODULE_BUILD)");
    expect(stderr).toContain(command);
    expect(exitCode).toBe(1);
  });

  it("without rustup's toolchain: the command that installs it", async () => {
    const message = "error: toolchain '\\''stable-x'\\'' is not installed";
    const missing = await toolchain("cargo-without-toolchain", message);
    const { exitCode, stderr } = await run(["sm", "build"], missing);
    expect(stderr).toContain("The Rust toolchain stable-x is not installed (FLV_SMARTMODULE_BUILD)");
    expect(stderr).toContain("rustup toolchain install stable-x --target wasm32-wasip1");
    expect(exitCode).toBe(1);
  });

  it("names the target of --nowasi, also from SMDK_NOWASI", async () => {
    const missing = await toolchain("cargo-without-nowasi", "error[E0463]: the target may not be installed");
    const hint = "rustup target add wasm32-unknown-unknown";
    expect((await run(["sm", "build", "--nowasi"], missing)).stderr).toContain(hint);
    const fromEnv = { ...missing, env: { ...missing.env, SMDK_NOWASI: "1" } };
    expect((await run(["sm", "build"], fromEnv)).stderr).toContain(hint);
  });

  it("without cargo: the command that installs Rust", async () => {
    const { exitCode, stderr } = await run(["sm", "build"], {
      cwd: join(dir, "rusty"),
      env: { ...env, CARGO: join(dir, "absent") },
    });
    expect(stderr).toMatch(/Rust is not installed.*sh\.rustup\.rs/);
    expect(exitCode).toBe(1);
  });

  it("shows the compiler's words and place", async () => {
    const broken = await toolchain("cargo-error", "error[E0425]: cannot find value `x`\n  --> src/lib.rs:4:5");
    const { stderr } = await run(["sm", "build"], broken);
    expect(stderr).toContain("src/lib.rs:4:5: error[E0425]: cannot find value `x` (FLV_SMARTMODULE_BUILD)");
  });
});
