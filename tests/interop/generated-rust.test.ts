import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const run = promisify(execFile);
const SMDK = resolve(import.meta.dirname, "../../packages/fluvio/bin/smdk.js");

/** Debian's web builds of Rust, as docs/smartmodules.md names them; what cargo builds is kept for the next run. */
const env = {
  ...process.env,
  CARGO: "/usr/bin/cargo",
  RUSTC: "/usr/bin/rustc",
  RUSTC_BOOTSTRAP: "1",
  RUSTFLAGS: "-Clinker=wasm-ld-22 -Clink-arg=--allow-undefined",
  CARGO_UNSTABLE_BUILD_STD: "std,panic_abort",
  CARGO_TARGET_DIR: join(process.env.FIXTURES_CACHE ?? join(homedir(), ".cache/fluvio-fixtures"), "generated"),
  SMDK_NOWASI: "1",
};

describe("generated projects in Rust, with the real crate and compiler", () => {
  let folder = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "fluvio-rust-"));
  });
  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  test.each(["filter", "map", "filter-map", "array-map", "aggregate"])(
    "%s builds and passes its tests",
    async (kind) => {
      const name = `rust-${kind}`;
      const flags = ["--silent", "--language", "rust", "--sm-type", kind, "--with-params"];
      await run(process.execPath, [SMDK, "generate", name, ...flags], { cwd: folder, env });
      const cwd = join(folder, name);
      const built = await run(process.execPath, [SMDK, "build"], { cwd, env });
      expect(built.stdout).toMatch(new RegExp(`rust_${kind.replace("-", "_")}\\.wasm: ${kind}, \\d+ bytes`));
      const tested = await run(process.execPath, [SMDK, "test"], { cwd, env });
      expect(tested.stdout).toMatch(/pass [1-9]\d*\n.*fail 0\n/);
    },
    1_200_000,
  );
});
