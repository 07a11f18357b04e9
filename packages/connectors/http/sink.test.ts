import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { text } from "../../fluvio/src/client/testing/cluster.ts";
import { fileMarker } from "../../fluvio/src/connector/run/first-positions.ts";
import { useSinks } from "./testing/sinks.ts";
import { type Answer, ok, status } from "./testing/target.ts";

const sinks = useSinks();
const { config, produce, start, stored, topicWith } = sinks;

describe("requests", () => {
  test("carry one value each, in order, with the headers asked for", async () => {
    const topic = await topicWith(["a", "b", "c"]);
    start(config(topic, { headers: ["X-One: 1"], method: "put", "content-type": "text/plain" }));
    await sinks.target.until(() => sinks.target.taken.length === 3);
    expect(sinks.target.taken).toEqual(["a", "b", "c"]);
    expect(sinks.target.seen[0]).toMatchObject({
      method: "PUT",
      headers: { "x-one": "1", "content-type": "text/plain", "user-agent": "fluvio/http-sink 0.2.2" },
    });
  });

  test("say text/html when nothing else is asked, as the original does", async () => {
    start(config(await topicWith(["a"])));
    await sinks.target.until(() => sinks.target.taken.length === 1);
    expect(sinks.target.seen[0]).toMatchObject({ method: "POST", headers: { "content-type": "text/html" } });
  });

  test("hold many values when batches are asked for: as lines", async () => {
    const topic = await topicWith(["1", '{"a":\n2}', "3", "4", "5"]);
    start(config(topic, { batch: { size: "2", linger: "1ms" } }));
    await sinks.target.until(() => sinks.target.taken.length === 3);
    expect(sinks.target.taken).toEqual(['1\n{"a": 2}\n', "3\n4\n", "5\n"]);
    expect(sinks.target.seen[0]?.headers["content-type"]).toBe("application/x-ndjson");
  });

  test("or as a JSON array, without what is no JSON", async () => {
    const topic = await topicWith(["1", "no json", '{"a":2}']);
    const sink = start(config(topic, { batch: { format: "json-array", linger: "1ms" }, on_error: "skip" }));
    await sinks.target.until(() => sinks.target.taken.length === 1);
    expect(sinks.target.taken).toEqual(['[1,{"a":2}]']);
    await sink.until(() => sink.counters.recordErrors === 1);
    expect(sink.lines.find((line) => line.level === "error")?.details).toMatchObject({
      offset: 1,
      reason: expect.stringContaining("the value is not JSON"),
    });
  });

  test("wait for more values as long as the linger says, no longer", async () => {
    const topic = await topicWith(["1"]);
    start(config(topic, { batch: { size: "3", linger: "1h" } }));
    await produce(topic, ["2"]);
    expect(sinks.target.seen).toEqual([]);
    await produce(topic, ["3", "4"]);
    await sinks.target.until(() => sinks.target.taken.length === 1);
    expect(sinks.target.taken).toEqual(["1\n2\n3\n"]);
  });
});

describe("the position", () => {
  test("is stored behind what the target took: the next run goes on there", async () => {
    const topic = await topicWith(["a", "b"]);
    const own = config(topic);
    const first = start(own);
    await sinks.target.until(() => sinks.target.taken.length === 2);
    await first.stop();
    expect(await sinks.fluvio.consumerOffsets({ consumerId: own.name })).toMatchObject([
      { topic, partition: 0, offset: 1 },
    ]);
    await produce(topic, ["c"]);
    start(own);
    await sinks.target.until(() => sinks.target.taken.length === 3);
    expect(sinks.target.taken).toEqual(["a", "b", "c"]);
  });

  test("begins at the end, and stays there over a stop before anything came", async () => {
    const topic = await topicWith(["old"]);
    const own = config(topic, {}, { consumer: { id: "own-id" } });
    const first = start(own);
    await first.until(() => first.messages.length > 0 && first.lines.some((line) => line.message !== ""));
    await waitForOffset("own-id");
    await first.stop();
    await produce(topic, ["new"]);
    start(own);
    await sinks.target.until(() => sinks.target.taken.length === 1);
    expect(sinks.target.taken).toEqual(["new"]);
  });

  test("of a sink that began with an empty topic is its beginning, also after a stop", async () => {
    const topic = await topicWith([]);
    const marker = join(sinks.folder, "begun");
    const own = config(topic, {}, { consumer: {} });
    const first = start(own, marker);
    while (!(await fileMarker(marker).isSet())) await new Promise(setImmediate);
    await first.stop();
    await produce(topic, ["while it was away"]);
    start(own, marker);
    await sinks.target.until(() => sinks.target.taken.length === 1);
    expect(sinks.target.taken).toEqual(["while it was away"]);
  });

  test("covers the partitions that were asked for, or all", async () => {
    const topic = await topicWith([], 3);
    await using producer = await sinks.fluvio.topicProducer(topic);
    for (const partition of [0, 1, 2]) await producer.send(undefined, `p${partition}`, { partition });
    await producer.flush();
    const offset = { start: "beginning", strategy: "manual" } as const;
    const some = start(config(topic, {}, { consumer: { offset, partition: ["0", "2"] } }));
    await sinks.target.until(() => sinks.target.taken.length === 2);
    expect([...sinks.target.taken].sort()).toEqual(["p0", "p2"]);
    await some.stop();
    const one = start(config(topic, { "fluvio-partition": "1" }));
    await sinks.target.until(() => sinks.target.taken.length === 3);
    expect(sinks.target.taken[2]).toBe("p1");
    await one.stop();
    start(config(topic, {}, { consumer: { offset, partition: "all" } }));
    await sinks.target.until(() => sinks.target.taken.length === 6);
    expect(sinks.target.taken.slice(3).sort()).toEqual(["p0", "p1", "p2"]);
  });

  async function waitForOffset(consumerId: string): Promise<void> {
    const deadline = AbortSignal.timeout(30_000);
    while ((await sinks.fluvio.consumerOffsets({ consumerId })).length === 0) deadline.throwIfAborted();
  }
});

describe("a target that is in trouble", () => {
  test("is waited for when it is down at the start, and the status says so", async () => {
    await sinks.target.close();
    const sink = start(config(await topicWith(["a", "b"])));
    await sink.until(() => sink.troubles.length > 0);
    expect(sink.troubles[0]).toMatch(/^cannot write, trying again: http:.* gave no answer: .*ECONNREFUSED/);
    await sinks.target.listen();
    await sinks.target.until(() => sinks.target.taken.length === 2);
    await sink.until(() => sink.troubles.at(-1) === "");
    expect(sinks.target.taken).toEqual(["a", "b"]);
  });

  test("goes down in the middle: what it did not take comes when it is back", async () => {
    const topic = await topicWith(["a", "b", "c", "d"]);
    const sink = start(config(topic));
    sinks.target.answer = (body) =>
      body === "b" ? (response) => void response.end(() => void sinks.target.close()) : ok;
    await sink.until(() => sink.troubles.length > 0);
    sinks.target.answer = () => ok;
    await sinks.target.listen();
    await sinks.target.until(() => sinks.target.taken.includes("d"));
    expect([...new Set(sinks.target.taken)]).toEqual(["a", "b", "c", "d"]);
  });

  test("cuts the connection in the middle of a write: it is written again", async () => {
    let cuts = 0;
    sinks.target.answer = (body) => (body === "b" && cuts++ < 2 ? (response) => void response.destroy() : ok);
    const sink = start(config(await topicWith(["a", "b", "c"])));
    await sinks.target.until(() => sinks.target.taken.length === 3);
    expect(sinks.target.taken).toEqual(["a", "b", "c"]);
    expect(sink.lines.filter((line) => line.message === "cannot write, trying again")).toHaveLength(2);
  });

  test("is too slow: given up after the timeout, and tried again", async () => {
    let slow = true;
    sinks.target.answer = () => {
      const answer: Answer = slow ? () => {} : ok;
      slow = false;
      return answer;
    };
    const sink = start(config(await topicWith(["a"]), { http_request_timeout: "100ms" }));
    await sinks.target.until(() => sinks.target.taken.length === 1);
    expect(sink.troubles[0]).toMatch(/timeout/i);
  });

  test.each([500, 503, 429, 408])("answers %d and then takes it", async (code) => {
    let left = 2;
    sinks.target.answer = () => (left-- > 0 ? status(code, "not now") : ok);
    const sink = start(config(await topicWith(["a"])));
    await sinks.target.until(() => sinks.target.taken.length === 1);
    expect(sinks.target.seen).toHaveLength(3);
    expect(sink.troubles[0]).toContain(`answered ${code}: not now`);
  });

  test("asks to be left alone for a while, and is", async () => {
    let asked = false;
    sinks.target.answer = () => {
      if (asked) return ok;
      asked = true;
      return status(429, "", { "retry-after": "1" });
    };
    const sink = start(config(await topicWith(["a"])));
    await sinks.target.until(() => sinks.target.taken.length === 1);
    expect(sink.lines.find((line) => line.level === "warn")?.details.retryInMs).toBe(1000);
  });

  test("for longer than `attempts`: then `on-error` decides", async () => {
    sinks.target.answer = (body) => (body === "b" ? status(500) : ok);
    const retry = { "initial-delay": "1ms", attempts: "3" };
    const sink = start(config(await topicWith(["a", "b", "c"]), { retry, on_error: "skip" }));
    await sinks.target.until(() => sinks.target.taken.length === 2);
    expect(sinks.target.taken).toEqual(["a", "c"]);
    expect(sinks.target.seen).toHaveLength(5);
    expect(sink.lines.find((line) => line.level === "error")?.details.reason).toMatch(
      /^given up after 3 attempts: .*answered 500/,
    );
  });

  test("is told nothing when the connector stops while it waits", async () => {
    sinks.target.answer = () => status(500);
    const sink = start(config(await topicWith(["a"]), { retry: { "initial-delay": "1h", "max-delay": "1h" } }));
    await sink.until(() => sink.troubles.length > 0);
    await sink.stop();
    expect(sinks.target.taken).toEqual([]);
  });
});

describe("a record that the target refuses", () => {
  const poisoned = (body: string) => (body.includes("bad") ? status(400, "no such thing") : ok);
  const refusing = async () => {
    sinks.target.answer = poisoned;
    return await topicWith(["a", "bad", "c"]);
  };

  test("retry: holds up the rest until it is taken", async () => {
    const sink = start(config(await refusing(), { "on-error": "retry" }));
    await sinks.target.until(() => sinks.target.seen.length >= 5);
    expect(sinks.target.taken).toEqual(["a"]);
    expect(sink.troubles[0]).toContain("answered 400: no such thing");
    sinks.target.answer = () => ok;
    await sinks.target.until(() => sinks.target.taken.length === 3);
    expect(sinks.target.taken).toEqual(["a", "bad", "c"]);
  });

  test("skip: is in the log with its value, and the rest goes on", async () => {
    const sink = start(config(await refusing(), { "on-error": "skip" }));
    await sinks.target.until(() => sinks.target.taken.length === 2);
    expect(sinks.target.taken).toEqual(["a", "c"]);
    const line = sink.lines.find((one) => one.level === "error");
    expect(line).toMatchObject({ message: "record skipped: it cannot be written", details: { offset: 1 } });
    expect(text(line?.details.value as Uint8Array)).toBe("bad");
    await sink.stop();
    expect(sink.counters).toMatchObject({ records: 2, recordErrors: 1 });
  });

  test("dead-letter: is in the other topic with the reason, and the rest goes on", async () => {
    const topic = await refusing();
    const own = config(topic, { "on-error": "dead-letter" });
    const sink = start(own);
    await sinks.target.until(() => sinks.target.taken.length === 2);
    await sink.stop();
    const [letter, ...others] = await stored(`${own.name}-dead-letter`);
    expect(others).toEqual([]);
    expect(letter?.key).toBe("k1");
    expect(JSON.parse(letter?.value ?? "")).toEqual({
      connector: own.name,
      topic,
      partition: 0,
      offset: 1,
      timestamp: expect.any(Number),
      stage: "write",
      reason: expect.stringMatching(/answered 400: no such thing$/),
      failedAt: expect.any(Number),
      key: "k1",
      value: "bad",
    });
  });

  test("stop: ends the connector with the record, which is the first of the next run", async () => {
    const own = config(await refusing(), { "on-error": "stop" });
    const sink = start(own);
    await expect(sink.done).rejects.toMatchObject({
      code: "FLV_CONNECTOR_STOPPED",
      message: expect.stringMatching(/^Record 1 of .*-0 cannot be written, and `on-error` is `stop`: .*answered 400/),
      details: { offset: 1, partition: 0 },
    });
    sinks.target.answer = () => ok;
    start(own);
    await sinks.target.until(() => sinks.target.taken.length === 3);
    expect(sinks.target.taken).toEqual(["a", "bad", "c"]);
  });

  test("in a batch that is refused as a whole is found, and only it", async () => {
    sinks.target.answer = poisoned;
    const values = Array.from({ length: 16 }, (_, index) => (index === 11 ? "bad" : `${index}`));
    const own = config(await topicWith(values), { batch: { size: "16", linger: "0s" }, "on-error": "dead-letter" });
    const sink = start(own);
    const taken = () => sinks.target.taken.join("").split("\n").filter(Boolean);
    await sinks.target.until(() => taken().length === 15);
    expect(taken()).toEqual(values.filter((value) => value !== "bad"));
    await sink.stop();
    expect((await stored(`${own.name}-dead-letter`)).map(({ value }) => JSON.parse(value).offset)).toEqual([11]);
  });

  test("by a redirect, which would lose it, names where to", async () => {
    sinks.target.answer = () => status(301, "", { location: "http://elsewhere/" });
    const sink = start(config(await topicWith(["a"]), { "on-error": "stop" }));
    await expect(sink.done).rejects.toThrow("redirects are not followed: set the endpoint to http://elsewhere/");
  });

  test("with bytes that are no text is kept whole", async () => {
    sinks.target.answer = () => status(400);
    const topic = await topicWith([]);
    await using producer = await sinks.fluvio.topicProducer(topic);
    await producer.send(Uint8Array.of(0xff, 1), Uint8Array.of(0xfe, 2));
    await producer.flush();
    const own = config(topic, { "on-error": "dead-letter", "dead-letter-topic": "rejects" });
    const sink = start(own);
    await sink.until(() => sink.lines.some((line) => line.message === "record put into the dead-letter topic"));
    const [letter] = await stored("rejects");
    expect(JSON.parse(letter?.value ?? "")).toMatchObject({ keyBase64: "/wE=", valueBase64: "/gI=" });
  });
});
