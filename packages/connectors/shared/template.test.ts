import { describe, expect, test } from "vitest";
import { parseTemplate } from "./template.ts";
import { parseUrlTemplate } from "./url-template.ts";

const record = (value: string | Uint8Array, key?: string) => ({
  topic: "orders",
  partition: 2,
  offset: 7,
  timestampMs: 1_700_000_000_000,
  key: key === undefined ? undefined : new TextEncoder().encode(key),
  value: typeof value === "string" ? new TextEncoder().encode(value) : value,
});
const filled = (template: string, value: string | Uint8Array, key?: string) =>
  parseTemplate(template)?.fill(record(value, key));
const url = (template: string, value: string, key?: string) => {
  const result = parseUrlTemplate(template)?.fill(record(value, key));
  return result !== undefined && "url" in result ? result.url.href : result?.missing;
};

describe("places", () => {
  test.each([
    ["{{topic}}/{{partition}}/{{offset}} {{timestamp}} {{time}}", "orders/2/7 1700000000000 2023-11-14T22:13:20.000Z"],
    ["{{ value.user.name }} has {{value.list[1]}}", 'A "b" has 12345678901234567890'],
    ["{{json value.user}}", '{"name":"A \\"b\\""}'],
    ["{{json value.user.name}} {{json key}} {{json topic}} {{json offset}}", '"A \\"b\\"" "k é" "orders" 7'],
    ["{{base64 key}} {{base64 value.user.name}}", `${btoa("k \u00c3\u00a9")} ${btoa('A "b"')}`],
    ["{{value.none ?? nothing}} {{json value.none ?? nothing}} {{value.empty ??}}", 'nothing "nothing" '],
    ["\\{{key}} {one}", "{{key}} {one}"],
    ["", ""],
  ])("%s", (template, expected) => {
    const value = '{"user":{"name":"A \\"b\\""},"list":[1,12345678901234567890],"empty":null}';
    expect(filled(template, value, "k é")).toEqual({ text: expected });
  });

  test("of values that are not JSON", () => {
    expect(filled("<{{value}}> {{json value}}", 'a "b"')).toEqual({ text: '<a "b"> "a \\"b\\""' });
    expect(filled("{{value}} {{base64 value}}", Uint8Array.of(0xff, 0x41))).toEqual({ text: "\ufffdA /0E=" });
  });

  test.each([
    ["{{key}}", "no key"],
    ["{{value.x}}", "no `x` in its value"],
    ["{{value.a.b}}", "no `a.b` in its value"],
    ["{{key.id}}", "no `id` in its key"],
  ])("%s that the record has nothing for", (template, missing) => {
    expect(filled(template, '{"a":1}')).toEqual({ missing });
  });

  test.each([
    "{{",
    "{{valu}}",
    "{{offset.a}}",
    "{{base64 offset}}",
    "{{value.}}",
    "{{hex value}}",
    "{{valuex}}",
    "{{}}",
  ])("%s is no template", (template) => expect(parseTemplate(template)).toBeUndefined());
});

describe("URLs", () => {
  test("have the parts of a record percent-encoded", () => {
    expect(url("https://h/items/{{key}}?q={{value.q}}", '{"q":"a&b=c"}', "a/b ?#é\\")).toBe(
      "https://h/items/a%2Fb%20%3F%23%C3%A9%5C?q=a%26b%3Dc",
    );
  });

  test("cannot be led to another folder", () => {
    expect(url("https://h/items/{{key}}/x", "v", "..")).toContain("nothing but dots");
    expect(url("https://h/items/{{key}}", "v", ".")).toContain("nothing but dots");
    expect(url("https://h/items/{{key}}", "v", "..a")).toBe("https://h/items/..a");
    expect(url("https://h/items/{{key}}", "v", "%2e%2e")).toBe("https://h/items/%252e%252e");
    expect(url("https://h/items/{{value.a}}", '{"a":"\\ud800"}')).toBe("no valid text for the URL");
    expect(url("https://h/items/{{key}}", "v")).toBe("no key");
  });

  test.each(["https://{{key}}/", "https://a{{key}}b.de/", "{{value}}", "ftp://h/{{key}}", "https://{{key}}@h/", "h/a"])(
    "%s does not name its server itself",
    (text) => {
      let parsed: unknown;
      try {
        parsed = parseUrlTemplate(text);
      } catch {
        parsed = undefined;
      }
      expect(parsed).toBeUndefined();
    },
  );

  test("are shown without what may be secret", () => {
    expect(parseUrlTemplate("https://u:secret@h:81/a/{{key}}/b?token=secret")?.shown).toBe("https://h:81/a/");
    expect(parseUrlTemplate("https://h/a?token=secret")?.shown).toBe("https://h/a");
  });
});
