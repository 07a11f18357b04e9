import { Writable } from "node:stream";
import { describe, expect, it } from "vitest";
import { flvError } from "../protocol/index.ts";
import { logLevel, stderrLogger } from "./log.ts";
import { createOutput } from "./output/stream.ts";

describe("log lines on standard error", () => {
  it.each([
    [undefined, "warn"],
    ["", "warn"],
    ["debug", "debug"],
    ["info,fluvio=debug", "debug"],
    ["fluvio=ERROR", "error"],
    ["off", "off"],
    ["nonsense", "warn"],
  ])("RUST_LOG=%s means %s", (filter, level) => {
    expect(logLevel(filter, "warn")).toBe(level);
  });

  it("shows warnings with their fields, and nothing below the level", async () => {
    let text = "";
    const stream = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        text += chunk.toString();
        done();
      },
    });
    const out = createOutput(stream, { isTty: false, columns: 80, colors: false, onBroken: () => {} });
    const logger = stderrLogger(out, "warn").child({ topic: "t" });
    logger.info({}, "not shown");
    logger.warn({ partition: 0, error: flvError("FLV_CONNECT", "refused") }, "connecting again");
    stderrLogger(out, "off").error({}, "not shown");
    await out.flush();
    expect(text).toBe("warning: connecting again (topic=t, partition=0, error=refused (FLV_CONNECT).)\n");
  });
});
