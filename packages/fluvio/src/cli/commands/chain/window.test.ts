import { describe, expect, it } from "vitest";
import { windowOptions, windowSettings } from "./window.ts";

describe("windows on the command line", () => {
  it("are times; the rest is left to the cluster", () => {
    const window = windowOptions.window.finish(["10s"]);
    const slide = windowOptions.slide.finish(["5s"]);
    const grace = windowOptions.grace.finish(["0s"]);
    expect(windowSettings({ window, slide, grace })).toEqual({ window: { sizeMs: 10_000, slideMs: 5000, graceMs: 0 } });
    expect(windowSettings({ window, slide: undefined, grace: undefined })).toEqual({ window: { sizeMs: 10_000 } });
    expect(windowSettings({ window: undefined, slide: undefined, grace: undefined })).toEqual({});
  });

  it.each(["0s", "0.5ms", "1.0001s", "soon"])("are no %s", (given) => {
    expect(() => windowOptions.window.finish([given])).toThrow(/milliseconds, 1ms at least|invalid duration/);
  });

  it("leave no gaps, in the words of the flags", () => {
    expect(() => windowSettings({ window: 10_000, slide: 15_000, grace: undefined })).toThrow(
      expect.objectContaining({ code: "FLV_ARGUMENT", message: "--slide 15s is longer than --window 10s" }),
    );
  });
});
