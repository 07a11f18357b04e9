import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type StepOptions, stepOptionsFromParams, stepOptionsToParams } from "./step-options.ts";

const positive = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
const windows = fc
  .tuple(positive, positive, fc.nat(Number.MAX_SAFE_INTEGER))
  .map(([one, other, graceMs]) => ({ sizeMs: Math.max(one, other), slideMs: Math.min(one, other), graceMs }));
const limits = fc.record(
  {
    batchTimeoutMs: positive,
    memoryBytesMax: fc.integer({ min: 65_536, max: Number.MAX_SAFE_INTEGER }),
    outputBytesMax: positive,
  },
  { requiredKeys: ["memoryBytesMax"] },
);
const options = fc.record(
  { window: windows, limits, stateName: fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/) },
  { requiredKeys: [] },
) as fc.Arbitrary<StepOptions>;
const plainParams = fc
  .dictionary(
    fc.string().filter((name) => !name.startsWith("fluvio.")),
    fc.string(),
  )
  .map((entries) => new Map(Object.entries(entries)));

describe("options of a step", () => {
  it("come back from the parameters they travel in, beside those of the module", () => {
    fc.assert(
      fc.property(options, plainParams, (given, params) => {
        const sent = new Map([...params, ...stepOptionsToParams(given)]);
        expect(stepOptionsFromParams(sent)).toEqual({ ...given, params });
      }),
    );
  });

  it("are few words on the wire", () => {
    const given = { window: { sizeMs: 10_000, slideMs: 5000 }, limits: { batchTimeoutMs: 200 }, stateName: "totals" };
    expect(stepOptionsToParams(given)).toEqual([
      ["fluvio.window", "10000"],
      ["fluvio.slide", "5000"],
      ["fluvio.time-limit", "200"],
      ["fluvio.state", "totals"],
    ]);
  });

  it("make windows that tumble and wait for nothing, unless they say more", () => {
    expect(stepOptionsFromParams(new Map([["fluvio.window", "250"]])).window).toEqual({
      sizeMs: 250,
      slideMs: 250,
      graceMs: 0,
    });
  });

  it.each(["", "a b/c", "Totals", "-a", "a-", "a_b", "x".repeat(64)])("name no state %j", (stateName) => {
    const message = `the parameter fluvio.state cannot be "${stateName}": a state cannot have this name`;
    const refusal = { code: "FLV_ARGUMENT", message };
    expect(() => stepOptionsToParams({ stateName })).toThrow(expect.objectContaining(refusal));
    expect(() => stepOptionsFromParams(new Map([["fluvio.state", stateName]]))).toThrow(
      expect.objectContaining({ ...refusal, hint: expect.stringContaining("lowercase letters, digits and `-`") }),
    );
  });

  it("are absent where no parameter says so", () => {
    expect(stepOptionsFromParams(new Map([["key", "value"]]))).toEqual({ params: new Map([["key", "value"]]) });
  });
});

describe("what is no option", () => {
  const refused: readonly (readonly [Record<string, string>, string, string])[] = [
    [{ "fluvio.window": "10s" }, "fluvio.window", "10s"],
    [{ "fluvio.window": "0" }, "fluvio.window", "0"],
    [{ "fluvio.window": "-1" }, "fluvio.window", "-1"],
    [{ "fluvio.window": "" }, "fluvio.window", ""],
    [{ "fluvio.window": "99999999999999999" }, "fluvio.window", "99999999999999999"],
    [{ "fluvio.window": "10", "fluvio.slide": "11" }, "fluvio.slide", "11"],
    [{ "fluvio.slide": "10" }, "fluvio.slide", "10"],
    [{ "fluvio.grace": "10" }, "fluvio.grace", "10"],
    [{ "fluvio.time-limit": "1.5" }, "fluvio.time-limit", "1.5"],
    [{ "fluvio.memory-limit": "0x10" }, "fluvio.memory-limit", "0x10"],
    [{ "fluvio.memory-limit": "65535" }, "fluvio.memory-limit", "65535"],
    [{ "fluvio.output-limit": "1e3" }, "fluvio.output-limit", "1e3"],
    [{ "fluvio.state": "" }, "fluvio.state", ""],
    [{ "fluvio.windows": "10" }, "fluvio.windows", "10"],
    [{ "fluvio.": "" }, "fluvio.", ""],
  ];
  for (const [params, parameter, value] of refused) {
    it(`is refused by name and value: ${JSON.stringify(params)}`, () => {
      const decode = () => stepOptionsFromParams(new Map(Object.entries(params)));
      expect(decode).toThrow(expect.objectContaining({ code: "FLV_ARGUMENT", details: { parameter, value } }));
      expect(decode).toThrow(parameter);
    });
  }

  it("is refused where it is made, too", () => {
    for (const given of [{ window: { sizeMs: 0.5 } }, { limits: { batchTimeoutMs: 0 } }, { stateName: "" }]) {
      expect(() => stepOptionsToParams(given)).toThrow(expect.objectContaining({ code: "FLV_ARGUMENT" }));
    }
  });
});
