import { defineConfig } from "vitest/config";

/** The suites beside `npm test`: the packed tarball (tests/e2e) and modules built with the real Rust crate (tests/interop). */
export default defineConfig({
  test: {
    include: ["tests/e2e/**/*.test.ts", "tests/interop/**/*.test.ts"],
    globalSetup: ["tests/fixtures/precompile.ts"],
    testTimeout: 120_000,
    hookTimeout: 240_000,
    pool: "forks",
    fileParallelism: false,
  },
});
