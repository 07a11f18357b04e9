import { defineConfig } from "vitest/config";

/** Suites that need nothing but Node run by `npm test`; those with real peers are under tests/interop and run in CI. */
export default defineConfig({
  test: {
    include: ["packages/**/*.test.ts", "tests/**/*.test.ts"],
    exclude: ["**/node_modules/**", "**/dist/**", "tests/interop/**"],
    testTimeout: 30_000,
    hookTimeout: 30_000,
    pool: "forks",
  },
});
