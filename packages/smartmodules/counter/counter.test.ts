import { afterAll, describe, expect, it } from "vitest";
import { feed, ModuleUnderTest } from "../testing/harness.ts";

const module = new ModuleUnderTest("counter");
afterAll(() => module[Symbol.asyncDispose]());

describe("counter", () => {
  it("counts records, over batches, and keeps their keys", async () => {
    await using chain = await module.chain();
    expect(await feed(chain, [{ key: "a", value: "x" }, "", "y"])).toMatchObject({
      values: ["1", "2", "3"],
      keys: ["a", undefined, undefined],
    });
    expect((await feed(chain, ["z"])).values).toEqual(["4"]);
  });

  it("goes on from an initial accumulator", async () => {
    expect((await module.run({}, ["x"], "99999999999999")).values).toEqual(["100000000000000"]);
  });

  it("says when the accumulator is no count", async () => {
    expect((await module.run({}, ["x"], "many")).error).toBe("the accumulator is no count: many");
  });
});
