import { defineConfig } from "vitest/config";

/** The suites beside `npm test`: the packed tarball (SUITE=e2e) and modules built with the real Rust crate (SUITE=interop). */
const suite = process.env.SUITE ?? "e2e";

export default defineConfig({
  test: {
    include: [`tests/${suite}/**/*.test.ts`],
    testTimeout: 120_000,
    hookTimeout: 240_000,
    pool: "forks",
    fileParallelism: false,
  },
});
