import { afterEach, describe, expect, test } from "vitest";
import type { ConnectorDefinition } from "../../fluvio/src/connector/define.ts";
import type { ParameterValue } from "../../fluvio/src/connector/file/config.ts";
import { type RunningConnector, useConnectors } from "../testing/connectors.ts";
import { useManaged } from "../testing/managed.ts";
import { connector as chatSink } from "./chat-sink.ts";
import { connector as discordSink } from "./discord-sink.ts";
import { cut } from "./messenger.ts";
import { connector as slackSink } from "./slack-sink.ts";
import { ChatServer, type Contract, discord, slack } from "./testing/chat-server.ts";

const connectors = useConnectors();
const managed = useManaged(connectors);
let server: ChatServer;
afterEach(() => server.close());

/** Starts a sink with these records before it, and a server that enforces the service's documented contract. */
async function start(
  definition: ConnectorDefinition,
  contract: Contract,
  values: readonly string[],
  parameters: Readonly<Record<string, ParameterValue>> = {},
  failures: ChatServer["failures"] = [],
): Promise<RunningConnector & { readonly topic: string; readonly sinkName: string }> {
  server = new ChatServer(contract);
  server.failures.push(...failures);
  await server.listen();
  const topic = await connectors.topicWith(values);
  const config = connectors.config(`${definition.name}-sink`, topic, { "webhook-url": server.url, ...parameters });
  return Object.assign(connectors.start(definition, config), { topic, sinkName: config.name });
}
const texts = (name = "text") => server.taken.map(({ body }) => body[name]);

describe("slack", () => {
  const QUICK = { interval: "1ms" };

  test("gets the text of each record, as the original sends it", async () => {
    const sink = await start(slackSink, slack(0), ["a <b>", '{"x":1}'], QUICK);
    await server.until(() => server.taken.length === 2);
    expect(server.taken.map(({ body }) => body)).toEqual([{ text: "a <b>" }, { text: '{"x":1}' }]);
    expect(JSON.stringify([sink.lines, sink.messages])).not.toContain("hunter2");
  });

  test("gets the URL of its webhook from the secret WEBHOOK_URL", async () => {
    server = new ChatServer(slack(0));
    await server.listen();
    const topic = await connectors.topicWith(["a"]);
    const own = connectors.config("slack-sink", topic, QUICK, { secrets: { WEBHOOK_URL: server.url } });
    connectors.start(slackSink, own);
    await server.until(() => server.taken.length === 1);
  });

  test("gets what the template says, with names and threads", async () => {
    const names = { username: "me", "icon-emoji": ":bell:", thread: "1.2", escape: "true" };
    await start(slackSink, slack(0), ['{"n":"<a&b>"}'], { ...QUICK, ...names, template: "{{key}}: *{{value.n}}*" });
    await server.until(() => server.taken.length === 1);
    expect(server.taken[0]?.body).toEqual({
      text: "k0: *&lt;a&amp;b&gt;*",
      username: "me",
      icon_emoji: ":bell:",
      thread_ts: "1.2",
    });
  });

  test("gets no more messages than it allows", async () => {
    await start(slackSink, slack(50), ["a", "b", "c"], { interval: "60ms" });
    await server.until(() => server.taken.length === 3);
    expect(server.statuses).toEqual([200, 200, 200]);
  });

  test("that wants less is left alone for as long as it says", async () => {
    let refusedAtMs = Number.POSITIVE_INFINITY;
    const limited: ChatServer["failures"] = [
      (response) => {
        refusedAtMs = performance.now();
        response.writeHead(429, { "retry-after": "1" }).end("rate_limited");
      },
    ];
    await start(slackSink, slack(0), ["a", "b"], QUICK, limited);
    await server.until(() => server.taken.length === 2);
    expect(server.statuses).toEqual([429, 200, 200]);
    expect(texts()).toEqual(["a", "b"]);
    expect(server.taken[0]?.atMs).toBeGreaterThanOrEqual(refusedAtMs + 1000);
  });

  test("never takes an empty message, or one without what the template wants: on-error decides", async () => {
    const sink = await start(slackSink, slack(0), ["a", " ", "b"], { ...QUICK, "on-error": "dead-letter" });
    await server.until(() => server.taken.length === 2);
    expect(server.statuses).toEqual([200, 200]);
    const [letter] = await connectors.records(`${sink.sinkName}-dead-letter`, 1);
    expect(JSON.parse(letter?.value ?? "")).toMatchObject({ offset: 1, reason: "the message is empty" });
  });

  test("whose webhook is closed is waited for, and the record is not to blame", async () => {
    const closed: ChatServer["failures"] = [(response) => response.writeHead(403).end("invalid_token")];
    const sink = await start(slackSink, slack(0), ["a"], { ...QUICK, "on-error": "skip" }, closed);
    await server.until(() => server.taken.length === 1);
    expect(sink.troubles[0]).toMatch(
      /^cannot write, trying again: http:\/\/127.0.0.1:\d+ answered 403: invalid_token$/,
    );
    expect(server.statuses).toEqual([403, 200]);
  });

  test("that is away is waited for", async () => {
    const sink = await start(slackSink, slack(0), [], QUICK);
    await server.close();
    await connectors.produce(sink.topic, ["a", "b"]);
    await sink.until(() => sink.troubles.some((reason) => reason.includes("ECONNREFUSED")));
    await server.listen();
    await server.until(() => server.taken.length === 2);
    expect(texts()).toEqual(["a", "b"]);
    await sink.until(() => sink.troubles.at(-1) === "");
  });
});

describe("discord", () => {
  test("gets messages that notify nobody, and says that it has them", async () => {
    await start(discordSink, discord(9, 1000), ["@everyone"], { username: "me", thread: "77" });
    await server.until(() => server.taken.length === 1);
    expect(server.taken[0]?.body).toEqual({ content: "@everyone", username: "me", allowed_mentions: { parse: [] } });
    expect(server.taken[0]?.url).toBe("/services/T0/B0/hunter2?wait=true&thread_id=77");
  });

  test("gets no more messages than its headers allow", async () => {
    const values = ["a", "b", "c", "d", "e"];
    await start(discordSink, discord(2, 60), values);
    await server.until(() => server.taken.length === 5);
    expect(texts("content")).toEqual(values);
    expect(server.statuses).toEqual([200, 200, 200, 200, 200]);
  });

  test("that wants less is left alone for as long as its answer says", async () => {
    const limited: ChatServer["failures"] = [
      (response) =>
        response.writeHead(429).end('{"message":"You are being rate limited.","retry_after":0.08,"global":true}'),
    ];
    const began = performance.now();
    await start(discordSink, discord(9, 1000), ["a"], {}, limited);
    await server.until(() => server.taken.length === 1);
    expect(server.statuses).toEqual([429, 200]);
    expect(performance.now() - began).toBeGreaterThan(80);
  });

  test("gets the beginning of what is too long, with a note", async () => {
    await start(discordSink, discord(9, 1000), ["x".repeat(5000)]);
    await server.until(() => server.taken.length === 1);
    const content = String(server.taken[0]?.body.content);
    expect(content).toHaveLength(2000);
    expect(content.endsWith("x… (3028 characters left out)")).toBe(true);
  });

  test("does not get what is too long when that is asked for", async () => {
    await start(discordSink, discord(9, 1000), ["x".repeat(2001), "b"], { "too-long": "refuse", "on-error": "skip" });
    await server.until(() => server.taken.length === 1);
    expect(texts("content")).toEqual(["b"]);
  });
});

test("any chat service gets its own fields", async () => {
  await start(chatSink, (_, response) => response.end(), ["a"], {
    field: "msg",
    fields: ["channel: #all", "icon: x"],
    interval: "0s",
  });
  await server.until(() => server.taken.length === 1);
  expect(server.taken[0]?.body).toEqual({ channel: "#all", icon: "x", msg: "a" });
});

test("a text is not cut in the middle of a character", () => {
  for (let length = 50; length < 60; length++) {
    const text = cut("\u{1f600}".repeat(100), length);
    expect(text.length).toBeLessThanOrEqual(length);
    expect(encodeURIComponent(text)).toContain("%E2%80%A6");
  }
});

test("a sink whose process is killed before its message is answered sends it again, and loses none", async () => {
  const values = Array.from({ length: 40 }, (_, index) => `${index}`);
  const kept = slack(0);
  let asked = 0;
  server = new ChatServer((body, response, self) => {
    if (body.text !== "20" || ++asked > 1) return kept(body, response, self);
    managed.end(own.name);
    response.statusCode = 500;
    response.destroy();
  });
  await server.listen();
  const parameters = { "webhook-url": server.url, interval: "1ms" };
  const own = connectors.config("slack-sink", await connectors.topicWith(values), parameters);
  managed.apply(own);
  await server.until(() => texts().includes("39"));
  expect([...new Set(texts())]).toEqual(values);
  expect(asked).toBe(2);
  expect(managed.status(own.name)?.restarts).toBe(1);
  await managed.remove(own.name);
}, 120_000);
