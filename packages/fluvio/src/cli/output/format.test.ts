import { describe, expect, it } from "vitest";
import { formatObject } from "./format.ts";
import { Tagged } from "./tagged.ts";

const topics = [
  {
    name: "orders",
    spec: { replicas: new Tagged("computed", { partitions: 1 }), storage: undefined },
    status: { reason: "" },
  },
];

describe("formatObject", () => {
  it("writes JSON with two blanks and enum variants as an object", () => {
    expect(formatObject(topics, "json")).toBe(
      JSON.stringify(
        [{ name: "orders", spec: { replicas: { computed: { partitions: 1 } } }, status: { reason: "" } }],
        null,
        2,
      ),
    );
  });

  it("writes YAML with enum variants as tags, ending with a line end", () => {
    expect(formatObject(topics, "yaml")).toBe(
      '- name: orders\n  spec:\n    replicas: !computed\n      partitions: 1\n  status:\n    reason: ""\n',
    );
  });

  it("writes a list in TOML, which has no bare lists, under its name", () => {
    expect(formatObject(topics, "toml", "topics")).toContain('[[topics]]\nname = "orders"');
    expect(formatObject({ a: null, b: 1 }, "toml")).toBe("b = 1");
  });
});
