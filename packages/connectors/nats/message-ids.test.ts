import { describe, expect, test } from "vitest";
import { parseTemplate } from "../shared/template.ts";
import { MessageIds } from "./message-ids.ts";
import { safeName, subjectProblem } from "./subjects.ts";

const record = (partition: number, offset: number) => ({
  topic: "t",
  partition,
  offset,
  timestampMs: 0,
  key: undefined,
  value: new Uint8Array(),
});

function newIds(): MessageIds {
  const template = parseTemplate("{{topic}}-{{partition}}-{{offset}}");
  if (template === undefined) throw new Error("no template");
  return new MessageIds(template);
}

describe("ids of messages", () => {
  test("are those of the records", () => {
    const ids = newIds();
    expect([record(0, 7), record(0, 8), record(1, 7)].map((one) => ids.of(one))).toEqual([
      { text: "t-0-7" },
      { text: "t-0-8" },
      { text: "t-1-7" },
    ]);
  });

  test("tell records of one offset apart, in the same way when they are written again and when they are read again", () => {
    const records = [record(0, 7), record(1, 3), record(0, 7), record(0, 7), record(0, 8)];
    const expected = ["t-0-7", "t-1-3", "t-0-7.1", "t-0-7.2", "t-0-8"].map((text) => ({ text }));
    const ids = newIds();
    expect(records.map((one) => ids.of(one))).toEqual(expected);
    expect([...records].reverse().map((one) => ids.of(one))).toEqual([...expected].reverse());
    const later = newIds();
    expect(records.map((one) => later.of({ ...one }))).toEqual(expected);
  });
});

describe("subjects", () => {
  test.each(["", "a b", "a..b", ".a", "a.", "a.*", "a.>", "a\r\nb"])("%j cannot be published to", (subject) => {
    expect(subjectProblem(subject)).toBeDefined();
  });

  test.each(["a", "a.b", "a.b*c", "Ä.1"])("%j can", (subject) => {
    expect(subjectProblem(subject)).toBeUndefined();
  });

  test("become names of consumers without what those must not have", () => {
    expect(safeName("fluvio-a.b c>*/d")).toBe("fluvio-a_b_c___d");
  });
});
