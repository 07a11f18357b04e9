import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatDuration, formatSize, parseDurationMs, parseSizeBytes } from "./units.ts";

describe("durations", () => {
  it.each([
    ["10s", 10_000],
    ["1 ms", 1],
    ["500us", 0.5],
    ["7days", 604_800_000],
    ["7 days", 604_800_000],
    ["1day 2h 3m 4s", 93_784_000],
    ["1m30s", 90_000],
    ["1.5h", 5_400_000],
    ["1M", 2_630_016_000],
  ])("reads %s", (text, expected) => {
    expect(parseDurationMs(text)).toBe(expected);
  });

  it.each(["", "s", "10", "10 parsecs", "-1s", "1h x", "1 2s"])("refuses %j", (text) => {
    expect(() => parseDurationMs(text)).toThrow("invalid duration");
  });

  it("takes a bare number where a unit is agreed", () => {
    expect(parseDurationMs("30", { bareUnitMs: 1000 })).toBe(30_000);
    expect(parseDurationMs("30ms", { bareUnitMs: 1000 })).toBe(30);
  });

  it.each([
    [604_800_000, "7days"],
    [86_400_000, "1day"],
    [21_600_000, "6h"],
    [93_784_000, "1day 2h 3m 4s"],
    [31_557_600_000, "1year"],
    [5_260_032_000, "2months"],
    [1500, "1s 500ms"],
    [0.5, "500us"],
    [0, "0s"],
  ])("writes %d ms", (durationMs, expected) => {
    expect(formatDuration(durationMs)).toBe(expected);
  });

  it("reads what it writes", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 40 }), (durationMs) => {
        expect(parseDurationMs(formatDuration(durationMs))).toBe(durationMs);
      }),
    );
  });
});

describe("sizes", () => {
  it.each([
    ["2048", 2048],
    ["1B", 1],
    ["2 Ki", 2048],
    ["2KB", 2000],
    ["3mb", 3_000_000],
    ["10 MiB", 10_485_760],
    ["1 GB", 1_000_000_000],
    ["1.5 k", 1500],
  ])("reads %s", (text, expected) => {
    expect(parseSizeBytes(text)).toBe(expected);
  });

  it.each(["", "x", "-1", "1 i", "1 Zb", "1 MBB", "9999999 EB"])("refuses %j", (text) => {
    expect(() => parseSizeBytes(text)).toThrow("invalid size");
  });

  it.each([
    [0, "0 B"],
    [848, "848 B"],
    [1000, "1.0 KB"],
    [999_999, "1.0 MB"],
    [107_374_182_400, "107.4 GB"],
  ])("writes %d", (sizeBytes, expected) => {
    expect(formatSize(sizeBytes)).toBe(expected);
  });

  it("writes a size that reads back within its one digit", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 52 }), (sizeBytes) => {
        const back = parseSizeBytes(formatSize(sizeBytes));
        expect(Math.abs(back - sizeBytes)).toBeLessThanOrEqual(sizeBytes * 0.06);
      }),
    );
  });
});
