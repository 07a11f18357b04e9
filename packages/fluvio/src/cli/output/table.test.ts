import { describe, expect, it } from "vitest";
import { renderKeyValues, renderTable } from "./table.ts";

describe("renderTable", () => {
  it("pads every cell, the last one too, and begins lines with two blanks", () => {
    expect(renderTable(["NAME", "STATUS", "SIZE"], [["my-filter", "x", "12"]])).toBe(
      "  NAME       STATUS  SIZE \n  my-filter  x       12   \n",
    );
  });

  it("pads the header where rows have more cells", () => {
    expect(renderTable(["A"], [["1", "[]"]])).toBe("  A     \n  1  [] \n");
  });

  it("aligns cells to the right below a header that stays left", () => {
    expect(renderTable(["NAME", "STATUS"], [["people", "Init"]], { align: ["right", "right"] })).toBe(
      "  NAME    STATUS \n  people    Init \n",
    );
  });

  it("shows control characters of names escaped", () => {
    const table = renderTable(["N", "S"], [["a\nb\u001b[2J\u009b", "x"]]);
    expect(table).toBe(`  N${" ".repeat(20)}S \n  a\\nb\\u001b[2J\\u009b  x \n`);
  });

  it("counts a pictograph as one character", () => {
    expect(renderTable(["N", "S"], [["🎉", "x"]])).toBe("  N  S \n  🎉  x \n");
  });
});

describe("renderKeyValues", () => {
  it("pads lines to the longest", () => {
    expect(renderKeyValues(["Name:a", "Reason:"])).toBe("   Name:a  \n   Reason: \n");
  });
});
