import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Io } from "../io.ts";
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
