import { describe, expect, it } from "vitest";
import { command } from "../command.ts";
import type { Io } from "../io.ts";
import { parseCommand } from "../parse.ts";
import { engineArguments, engineLimits, engineOptions, engineSettings } from "./engine-limits.ts";

const run = command({ noun: "run", summary: "", options: engineOptions, run: async () => 0 });

function settings(words: readonly string[], env: Record<string, string> = {}, base = {}) {
  const parsed = parseCommand(run, words);
  if (parsed.kind !== "input") throw new Error(parsed.kind);
  return engineSettings(base, parsed.input as Parameters<typeof engineSettings>[1], { env } as unknown as Io);
}

describe("limits of SmartModules in a cluster", () => {
  it("are given as options, kept as numbers, and handed to the process as the same options", () => {
    const given = settings([
      ...["--smartmodule-time-limit", "1s 500ms", "--smartmodule-memory-limit", "64MiB"],
      ...["--smartmodule-output-limit", "2 MB", "--smartmodule-chains-max", "10"],
    ]);
    expect(given).toEqual({
      smartmodule_time_limit_ms: 1500,
      smartmodule_memory_limit_bytes: 64 * 1024 * 1024,
      smartmodule_output_limit_bytes: 2_000_000,
      smartmodule_chains_max: 10,
    });
    expect(settings(engineArguments(given))).toEqual(given);
    expect(engineLimits(given)).toEqual({
      engineLimits: { batchTimeoutMs: 1500, memoryBytesMax: 64 * 1024 * 1024, outputBytesMax: 2_000_000 },
      smartModuleChainsMax: 10,
    });
  });

  it("stay as they were when nothing is given, and are the engine's own when nothing ever was", () => {
    const base = { smartmodule_time_limit_ms: 100 };
    expect(settings([], {}, base)).toEqual(base);
    expect(settings([])).toEqual({});
    expect(engineArguments({})).toEqual([]);
    expect(engineLimits({})).toEqual({ engineLimits: {} });
  });

  it("take the original's option and environment variable for the memory; the option wins", () => {
    const memory = { smartmodule_memory_limit_bytes: 20_000_000 };
    expect(settings(["--smart-engine-max-memory", "20000000"])).toEqual(memory);
    expect(settings([], { FLV_SMART_ENGINE_MAX_MEMORY_BYTES: "20000000" })).toEqual(memory);
    const both = settings(["--smartmodule-memory-limit", "20000000"], { FLV_SMART_ENGINE_MAX_MEMORY_BYTES: "9999999" });
    expect(both).toEqual(memory);
  });

  it.each([
    ["--smartmodule-time-limit", "0s"],
    ["--smartmodule-memory-limit", "1000"],
    ["--smartmodule-memory-limit", "5GiB"],
    ["--smartmodule-output-limit", "0"],
    ["--smartmodule-chains-max", "0"],
  ])("refuse %s %s", (option, word) => {
    expect(() => settings([option, word])).toThrow(word);
  });

  it("refuse a variable that cannot be read, by its name", () => {
    expect(() => settings([], { FLV_SMART_ENGINE_MAX_MEMORY_BYTES: "lots" })).toThrow(
      /^FLV_SMART_ENGINE_MAX_MEMORY_BYTES is "lots"/,
    );
  });
});
