import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

/** Suites that need nothing but Node: `npm test`. The others are in vitest.suites.config.ts. */
export default defineConfig({
  test: {
    include: ["packages/**/*.test.ts", "tests/**/*.test.ts"],
    exclude: ["**/node_modules/**", "**/dist/**", "tests/interop/**", "tests/e2e/**"],
    globalSetup: ["tests/fixtures/precompile.ts"],
    // longer than what a test waits for: that tells more when it is late
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // a machine that is busy stands still for seconds
    expect: { poll: { timeout: 20_000 } },
    pool: "forks",
    // what the tests import takes longer to load than most of them take to run: loaded once per worker
    isolate: false,
    unstubEnvs: true,
    // tests wait for processes about as much as they work
    maxWorkers: Math.ceil(availableParallelism() * 1.5),
  },
});
