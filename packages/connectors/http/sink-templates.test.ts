import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { optionsOf } from "../testing/run-source.ts";
import { connector } from "./sink.ts";
import { useSinks } from "./testing/sinks.ts";
import { status } from "./testing/target.ts";

const sinks = useSinks();
const { config, start, stored, topicWith } = sinks;
const at = (path: string) => ({ endpoint: `${new URL(sinks.target.url).origin}${path}` });

describe("parts of a record", () => {
  test("are in the URL, percent-encoded, and in the body", async () => {
    const topic = await topicWith(['{"name":"a/b","n":12345678901234567890}', '{"name":"é?"}']);
    const body = '{"key":{{json key}},"n":{{json value.n ?? none}},"at":{{offset}}}';
    start(config(topic, { ...at("/items/{{value.name}}?k={{key}}"), body, method: "patch" }));
    await sinks.target.until(() => sinks.target.taken.length === 2);
    expect(sinks.target.seen.map(({ url }) => url)).toEqual(["/items/a%2Fb?k=k0", "/items/%C3%A9%3F?k=k1"]);
    expect(sinks.target.taken).toEqual([
      '{"key":"k0","n":12345678901234567890,"at":0}',
      '{"key":"k1","n":"none","at":1}',
    ]);
  });

  test("that a record does not have make it one that can never be written", async () => {
    const own = config(await topicWith(['{"id":"1"}', "no json", '{"id":".."}', '{"id":"4"}']), {
      ...at("/items/{{value.id}}"),
      "on-error": "dead-letter",
    });
    start(own);
    await sinks.target.until(() => sinks.target.taken.length === 2);
    expect(sinks.target.seen.map(({ url }) => url)).toEqual(["/items/1", "/items/4"]);
    const letters = (await stored(`${own.name}-dead-letter`)).map(({ value }) => JSON.parse(value) as object);
    expect(letters).toMatchObject([
      { offset: 1, reason: "the record has no `id` in its value, which the endpoint asks for" },
      { offset: 2, reason: expect.stringContaining("nothing but dots") },
    ]);
  });

  test("are in the lines of a batch", async () => {
    const topic = await topicWith(['{"a":1}', "x", '{"a":3}']);
    start(config(topic, { body: '{"b":{{value.a}}}', batch: { linger: "1ms" }, "on-error": "skip" }));
    await sinks.target.until(() => sinks.target.taken.length === 1);
    expect(sinks.target.taken).toEqual(['{"b":1}\n{"b":3}\n']);
  });
});

test("a record is deleted by its key, without a body", async () => {
  start(config(await topicWith(["a"]), { ...at("/items/{{key}}"), method: "delete" }));
  await sinks.target.until(() => sinks.target.taken.length === 1);
  expect(sinks.target.seen[0]).toMatchObject({ method: "DELETE", url: "/items/k0", body: "" });
  expect(sinks.target.seen[0]?.headers["content-type"]).toBeUndefined();
});

test("bodies are compressed when that is asked for", async () => {
  const value = "a".repeat(1000);
  start(config(await topicWith([value]), { compression: "gzip" }));
  await sinks.target.until(() => sinks.target.taken.length === 1);
  expect(sinks.target.seen[0]?.headers["content-encoding"]).toBe("gzip");
  expect(gunzipSync(sinks.target.seen[0]?.bytes ?? "").toString()).toBe(value);
});

describe("who sends", () => {
  test("is told, and is not in the log", async () => {
    const sink = start(config(await topicWith(["a"]), { auth: { username: "me", password: "hunter2" } }));
    await sinks.target.until(() => sinks.target.taken.length === 1);
    expect(sinks.target.seen[0]?.headers.authorization).toBe(`Basic ${btoa("me:hunter2")}`);
    expect(JSON.stringify(sink.lines)).not.toContain("hunter2");
  });

  test("and is not known is no fault of the record: it waits, and the state says why", async () => {
    sinks.target.answer = () => status(401, "who are you");
    const sink = start(config(await topicWith(["a"]), { auth: { token: "old" }, "on-error": "dead-letter" }));
    await sink.until(() => sink.troubles.some((reason) => reason.endsWith("answered 401: who are you")));
    sinks.target.answer = () => status(200);
    await sinks.target.until(() => sinks.target.taken.length === 1);
  });
});

test.each([
  [{ batch: {}, endpoint: "http://h/{{key}}" }, "cannot be had with an endpoint that has parts of one record"],
  [{ batch: {}, method: "delete" }, "cannot be had with DELETE without `body`"],
  [{ endpoint: "http://{{key}}/" }, "is not an http or https URL such as https://example.com/items/{{key}}"],
  [{ body: "{{vale}}" }, "is not a template such as"],
])("%j cannot be", (parameters, message) => {
  expect(() => optionsOf(connector, { endpoint: "http://h/", ...parameters })).toThrow(message);
});
