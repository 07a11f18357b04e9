import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Io } from "../../io.ts";
import { parseTransformsLine, readTransformsFile } from "./transforms.ts";

let dir = "";
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "fluvio-cli-"));
});
afterAll(async () => {
  await rm(dir, { recursive: true, force: true });
});

async function read(text: string) {
  await writeFile(join(dir, "t.yaml"), text);
  return await readTransformsFile({ cwd: dir } as Io, "t.yaml");
}

describe("transforms file", () => {
  it("gives windows, limits and the state of a step", async () => {
    const steps = await read(`transforms:
  - uses: sum
    window: { size: 10s, slide: 5s, grace: 2s }
    limits: { time: 100ms, memory: 16MiB, output: 4096 }
    state: totals
  - uses: count
    window: 1m
`);
    expect(steps).toEqual([
      {
        name: "sum",
        window: { sizeMs: 10_000, slideMs: 5000, graceMs: 2000 },
        limits: { batchTimeoutMs: 100, memoryBytesMax: 16 * 1024 * 1024, outputBytesMax: 4096 },
        state: "totals",
      },
      { name: "count", window: { sizeMs: 60_000 } },
    ]);
  });

  it.each([
    ["window: 10", "transforms[0].window: a map was expected"],
    ["window: { slide: 1s }", "transforms[0].window: missing field `size`"],
    [
      "window: { size: 1s, slid: 1s }",
      "transforms[0].window: unknown field `slid`, expected one of size, slide, grace",
    ],
    ["window: { size: 5 }", "transforms[0].window.size: a duration was expected, such as 10s"],
    ["limits: { time: 5 }", "transforms[0].limits.time: a duration was expected, such as 10s"],
    ["limits: { memory: 0 }", "transforms[0].limits.memory: a size was expected, such as 64MiB"],
    ["limits: { memory: 10KB }", "transforms[0].limits.memory: 10KB is too little, 65536 bytes are the least"],
    ["limits: { output: 0B }", "transforms[0].limits.output: 0B is too little, 1 bytes are the least"],
    ["limits: { output: much }", 'transforms[0].limits.output: invalid size "much"'],
    ["limits: { time: 0s }", "transforms[0].limits.time: 0s is not possible, whole milliseconds from 1ms on are"],
    ["window: { size: 0.5ms }", "transforms[0].window.size: 0.5ms is not possible, whole milliseconds from 1ms on are"],
    ["window: { size: 5s, slide: 6s }", "transforms[0].window.slide: 6s is longer than the size of 5s"],
    ["limits: { cpu: 1 }", "transforms[0].limits: unknown field `cpu`"],
    ["state: ''", "transforms[0].state: a name was expected"],
    ["state: 3", "transforms[0].state: a name was expected"],
    ["state: a b/c", 'transforms[0].state: "a b/c" is not a valid name'],
  ])("refuses %s", async (line, reason) => {
    await expect(read(`transforms:\n  - uses: sum\n    ${line}\n`)).rejects.toThrow(reason);
  });

  it("gives its steps in order; lists and maps become JSON text, unknown keys are ignored", async () => {
    const steps = await read(`transforms:
  - uses: group/name@0.1.0
    invoke: insert
    lookback: { last: 10, age: 1h }
    with:
      text: plain
      number: 3
      list: [a, 1]
      map: { k: v }
  - uses: plain-name
`);
    expect(steps).toEqual([
      {
        name: "group/name@0.1.0",
        lookback: { last: 10, ageMs: 3_600_000 },
        params: { text: "plain", number: "3", list: '["a",1]', map: '{"k":"v"}' },
      },
      { name: "plain-name" },
    ]);
  });

  it.each([
    ["transforms: [", "Invalid argument: unable to process `transforms` argument"],
    ["other: 1", "missing field `transforms`"],
    ["transforms: [{ with: {} }]", "transforms[0]: missing field `uses`"],
    ["transforms: [{ uses: a, with: [1] }]", "transforms[0].with: a map was expected"],
    ["transforms: [{ uses: a, lookback: { last: x } }]", "transforms[0].lookback.last: a whole number was expected"],
    ["transforms: [{ uses: a, whith: { k: v } }]", "transforms[0]: unknown field `whith`, did you mean `with`?"],
    ["transforms: [{ Uses: a }]", "transforms[0]: unknown field `Uses`, did you mean `uses`?"],
    ["transforms: [{ uses: a, look_back: { last: 1 } }]", "unknown field `look_back`, did you mean `lookback`?"],
    ["transforms: [{ uses: a, lookback: { lasst: 1 } }]", "transforms[0].lookback: unknown field `lasst`"],
    ["transforms: [{ uses: a, lookback: { age: soon } }]", 'invalid duration "soon"'],
  ])("refuses %j", async (text, message) => {
    await expect(read(text)).rejects.toThrow(message);
  });

  it("names a file that is not there", async () => {
    await expect(readTransformsFile({ cwd: dir } as Io, "absent.yaml")).rejects.toThrow(
      'cannot read "absent.yaml": No such file or directory (os error 2)',
    );
  });
});

describe("one step on the command line", () => {
  it("is JSON", () => {
    expect(parseTransformsLine('{"uses":"m","with":{"k":"v"},"lookback":{"last":1}}')).toEqual({
      name: "m",
      params: { k: "v" },
      lookback: { last: 1 },
    });
  });

  it.each(["{", "[]", '{"uses":""}'])("refuses %j", (line) => {
    expect(() => parseTransformsLine(line)).toThrow("Invalid argument: unable to parse `transform` argument");
  });
});
