import { defineConfig } from "vitest/config";

/** Suites that need nothing but Node: `npm test`. The others are in vitest.suites.config.ts. */
export default defineConfig({
  test: {
    include: ["packages/**/*.test.ts", "tests/**/*.test.ts"],
    exclude: ["**/node_modules/**", "**/dist/**", "tests/interop/**", "tests/e2e/**"],
    globalSetup: ["tests/fixtures/precompile.ts"],
    testTimeout: 30_000,
    hookTimeout: 30_000,
    pool: "forks",
    // tests wait for processes more than they work: the one worker that two cores would get leaves half of them idle
    maxWorkers: "100%",
  },
});
