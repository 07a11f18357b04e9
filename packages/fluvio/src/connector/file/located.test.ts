import { describe, expect, it } from "vitest";
import { flvError } from "../../protocol/index.ts";
import { withLine } from "./located.ts";
import { problem, unknownKey } from "./problem.ts";

const SEED = "version: 0.3.0\nname: a\ntype: htpp\ntopic: a\nparameters:\n  endpont: http://x\n  user_agent: me\n";
const NEWER = "apiVersion: 0.1.0\nmeta:\n  name: a\n  type: htpp\nhttp:\n  endpont: http://x\n";

describe("the line of the key that an error names", () => {
  it.each([
    ["parameters.endpont", SEED, 6],
    ["parameters.user-agent", SEED, 7],
    ["type", SEED, 3],
    ["parameters.endpont", NEWER, 6],
    ["type", NEWER, 4],
  ])("%s", (key, content, line) => {
    const error = problem({ file: "c.yml" }, "is wrong", "Correct it", { key });
    expect(withLine(error, content, "c.yml")).toMatchObject({
      message: `Invalid connector config c.yml:${line}: is wrong`,
      hint: "Correct it",
      details: { key, line, file: "c.yml" },
    });
  });

  it("is left out where there is none to name", () => {
    const absent = problem({ file: "c.yml" }, "missing", "Add it", { key: "parameters.interval" });
    const known = unknownKey({ file: "c.yml", line: 2 }, "", "nmae", ["name"]);
    const other = flvError("FLV_FILE", "c.yml: gone", { details: { key: "type" } });
    for (const error of [absent, known, other]) expect(withLine(error, SEED, "c.yml")).toBe(error);
  });
});
