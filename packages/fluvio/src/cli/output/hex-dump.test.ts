import { describe, expect, it } from "vitest";
import { hexDump, isBinary } from "./hex-dump.ts";

describe("hexDump", () => {
  it("shows offset, two groups of eight and the characters", () => {
    expect(hexDump(Buffer.from('{\n    "partition\u0001'))).toBe(
      [
        '00000000  7b 0a 20 20 20 20 22 70  61 72 74 69 74 69 6f 6e  |{.    "partition|',
        "00000010  01                                                |                |",
        `${"-".repeat(78)}\n`,
      ].join("\n"),
    );
  });
});

describe("isBinary", () => {
  it.each([
    ["text", Buffer.from("hello"), false],
    ["nothing", new Uint8Array(0), false],
    ["a NUL", Buffer.from("a\0b"), true],
    ["a NUL behind the first 1024 bytes", Buffer.from(`${"a".repeat(1024)}\0`), false],
    ["PDF", Buffer.from("%PDF-1.4"), true],
    ["PNG", Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d]), true],
    ["UTF-16 with its mark", Buffer.from([0xff, 0xfe, 0x61, 0x00]), false],
  ])("%s", (_what, bytes, expected) => {
    expect(isBinary(bytes)).toBe(expected);
  });
});
