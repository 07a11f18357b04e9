import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { buildAs } from "../../../tests/fixtures/build-as.ts";
import type { Fluvio } from "../../fluvio/src/client/fluvio.ts";
import { drain, text, useTestCluster } from "../../fluvio/src/client/testing/cluster.ts";
import type { ConnectorConfig, ParameterValue } from "../../fluvio/src/connector/config.ts";
import { fileMarker } from "../../fluvio/src/connector/first-positions.ts";
import type { RunnerMessage } from "../../fluvio/src/connector/ipc.ts";
import { type RunCounters, runConnector } from "../../fluvio/src/connector/runner.ts";
import { connector } from "./index.ts";
import { type Answer, ok, status, Target } from "./testing/target.ts";

const cluster = useTestCluster();
let fluvio: Fluvio;
let target: Target;
let folder: string;
const running: Sink[] = [];

beforeAll(async () => {
  fluvio = await cluster.connect();
  folder = await mkdtemp(join(tmpdir(), "fluvio-http-sink-"));
});
afterAll(async () => {
  await fluvio.close();
  await rm(folder, { recursive: true, force: true });
});
beforeEach(async () => {
  target = new Target();
  await target.listen();
});
afterEach(async () => {
  for (const sink of running.splice(0)) await sink.stop().catch(() => {});
  await target.close();
});

interface Line {
  readonly level: string;
  readonly details: Readonly<Record<string, unknown>>;
  readonly message: string;
}

const DEADLINE_MS = 15_000;

/** Rejects when a test has waited long enough. */
function lateness(what: () => string): Promise<never> {
  const late = new Promise<never>((_, reject) => {
    AbortSignal.timeout(DEADLINE_MS).addEventListener("abort", () => reject(new Error(what())), { once: true });
  });
  late.catch(() => {});
  return late;
}

/** A connector that runs in this process. */
class Sink {
  readonly lines: Line[] = [];
  readonly messages: RunnerMessage[] = [];
  readonly counters: RunCounters = { records: 0, recordErrors: 0 };
  readonly done: Promise<void>;
  failure: unknown;
  readonly #stop = new AbortController();
  #heard: (() => void)[] = [];

  constructor(config: ConnectorConfig, marker?: string) {
    const at = (level: string) => (details: object, message: string) => {
      this.lines.push({ level, details: details as Line["details"], message });
      this.#wake();
    };
    const logger = { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error"), child: () => logger };
    this.done = runConnector(
      {
        config,
        file: "connect.yml",
        secrets: {},
        endpoint: cluster.address,
        logger,
        signal: this.#stop.signal,
        report: (message) => {
          this.messages.push(message);
          this.#wake();
        },
        marker: fileMarker(marker),
        definition: connector,
        random: () => 0,
      },
      this.counters,
    );
    const ended = (error?: unknown) => {
      this.failure = error;
      this.#wake();
    };
    this.done.then(() => ended(), ended);
    running.push(this);
  }

  #wake(): void {
    const heard = this.#heard;
    this.#heard = [];
    for (const wake of heard) wake();
  }

  get troubles(): string[] {
    return this.messages.flatMap((message) => (message.type === "trouble" ? [message.reason] : []));
  }

  /** Looked at after every line of the log and every report. */
  async until(holds: () => boolean): Promise<void> {
    const late = lateness(() => `only ${JSON.stringify(this.lines)}`);
    while (!holds()) {
      if (this.failure !== undefined) throw this.failure;
      await Promise.race([late, new Promise<void>((resolve) => this.#heard.push(resolve))]);
    }
  }

  stop(): Promise<void> {
    this.#stop.abort();
    return this.done;
  }
}

let names = 0;
const newName = () => `sink-${++names}`;

function config(topic: string, parameters: Record<string, ParameterValue> = {}, more: Partial<ConnectorConfig> = {}) {
  return {
    name: newName(),
    type: "http-sink",
    topic,
    version: "latest",
    parameters: { endpoint: target.url, retry: { "initial-delay": "2ms", "max-delay": "20ms" }, ...parameters },
    secrets: {},
    consumer: { offset: { start: "beginning", strategy: "manual" as const } },
    transforms: [],
    ...more,
  } satisfies ConnectorConfig;
}

async function topicWith(values: readonly string[], partitions = 1): Promise<string> {
  const topic = await fluvio.admin().createTopic(cluster.topicName(), { partitions });
  await produce(topic, values);
  return topic;
}

async function produce(topic: string, values: readonly string[]): Promise<void> {
  await using producer = await fluvio.topicProducer(topic);
  await producer.sendAll(values.map((value, index) => ({ key: `k${index}`, value })));
}

async function stored(topic: string): Promise<{ key: string | undefined; value: string }[]> {
  const consumer = await fluvio.consumer({ topic, offset: "beginning", disableContinuous: true });
  return (await drain(consumer)).map(({ key, value }) => ({ key: text(key), value: text(value) ?? "" }));
}

describe("requests", () => {
  test("carry one value each, in order, with the headers asked for", async () => {
    const topic = await topicWith(["a", "b", "c"]);
    new Sink(config(topic, { headers: ["X-One: 1"], method: "put", "content-type": "text/plain" }));
    await target.until(() => target.taken.length === 3);
    expect(target.taken).toEqual(["a", "b", "c"]);
    expect(target.seen[0]).toMatchObject({
      method: "PUT",
      headers: { "x-one": "1", "content-type": "text/plain", "user-agent": "fluvio/http-sink 0.2.2" },
    });
  });

  test("say text/html when nothing else is asked, as the original does", async () => {
    new Sink(config(await topicWith(["a"])));
    await target.until(() => target.taken.length === 1);
    expect(target.seen[0]).toMatchObject({ method: "POST", headers: { "content-type": "text/html" } });
  });

  test("hold many values when batches are asked for: as lines", async () => {
    const topic = await topicWith(["1", '{"a":\n2}', "3", "4", "5"]);
    new Sink(config(topic, { batch: { size: "2", linger: "1ms" } }));
    await target.until(() => target.taken.length === 3);
    expect(target.taken).toEqual(['1\n{"a": 2}\n', "3\n4\n", "5\n"]);
    expect(target.seen[0]?.headers["content-type"]).toBe("application/x-ndjson");
  });

  test("or as a JSON array, without what is no JSON", async () => {
    const topic = await topicWith(["1", "no json", '{"a":2}']);
    const sink = new Sink(config(topic, { batch: { format: "json-array", linger: "1ms" }, on_error: "skip" }));
    await target.until(() => target.taken.length === 1);
    expect(target.taken).toEqual(['[1,{"a":2}]']);
    await sink.until(() => sink.counters.recordErrors === 1);
    expect(sink.lines.find((line) => line.level === "error")?.details).toMatchObject({
      offset: 1,
      reason: expect.stringContaining("the value is not JSON"),
    });
  });

  test("wait for more values as long as the linger says, no longer", async () => {
    const topic = await topicWith(["1"]);
    new Sink(config(topic, { batch: { size: "3", linger: "1h" } }));
    await produce(topic, ["2"]);
    expect(target.seen).toEqual([]);
    await produce(topic, ["3", "4"]);
    await target.until(() => target.taken.length === 1);
    expect(target.taken).toEqual(["1\n2\n3\n"]);
  });
});

describe("the position", () => {
  test("is stored behind what the target took: the next run goes on there", async () => {
    const topic = await topicWith(["a", "b"]);
    const own = config(topic);
    const first = new Sink(own);
    await target.until(() => target.taken.length === 2);
    await first.stop();
    expect(await fluvio.consumerOffsets({ consumerId: own.name })).toMatchObject([{ topic, partition: 0, offset: 1 }]);
    await produce(topic, ["c"]);
    new Sink(own);
    await target.until(() => target.taken.length === 3);
    expect(target.taken).toEqual(["a", "b", "c"]);
  });

  test("begins at the end, and stays there over a stop before anything came", async () => {
    const topic = await topicWith(["old"]);
    const own = config(topic, {}, { consumer: { id: "own-id" } });
    const first = new Sink(own);
    await first.until(() => first.messages.length > 0 && first.lines.some((line) => line.message !== ""));
    await waitForOffset("own-id");
    await first.stop();
    await produce(topic, ["new"]);
    new Sink(own);
    await target.until(() => target.taken.length === 1);
    expect(target.taken).toEqual(["new"]);
  });

  test("of a sink that began with an empty topic is its beginning, also after a stop", async () => {
    const topic = await topicWith([]);
    const marker = join(folder, "begun");
    const own = config(topic, {}, { consumer: {} });
    const first = new Sink(own, marker);
    while (!(await fileMarker(marker).isSet())) await new Promise(setImmediate);
    await first.stop();
    await produce(topic, ["while it was away"]);
    new Sink(own, marker);
    await target.until(() => target.taken.length === 1);
    expect(target.taken).toEqual(["while it was away"]);
  });

  test("covers the partitions that were asked for, or all", async () => {
    const topic = await topicWith([], 3);
    await using producer = await fluvio.topicProducer(topic);
    for (const partition of [0, 1, 2]) await producer.send(undefined, `p${partition}`, { partition });
    await producer.flush();
    const offset = { start: "beginning", strategy: "manual" } as const;
    const some = new Sink(config(topic, {}, { consumer: { offset, partition: ["0", "2"] } }));
    await target.until(() => target.taken.length === 2);
    expect([...target.taken].sort()).toEqual(["p0", "p2"]);
    await some.stop();
    const one = new Sink(config(topic, { "fluvio-partition": "1" }));
    await target.until(() => target.taken.length === 3);
    expect(target.taken[2]).toBe("p1");
    await one.stop();
    new Sink(config(topic, {}, { consumer: { offset, partition: "all" } }));
    await target.until(() => target.taken.length === 6);
    expect(target.taken.slice(3).sort()).toEqual(["p0", "p1", "p2"]);
  });

  async function waitForOffset(consumerId: string): Promise<void> {
    const deadline = AbortSignal.timeout(10_000);
    while ((await fluvio.consumerOffsets({ consumerId })).length === 0) deadline.throwIfAborted();
  }
});

describe("a target that is in trouble", () => {
  test("is waited for when it is down at the start, and the status says so", async () => {
    await target.close();
    const sink = new Sink(config(await topicWith(["a", "b"])));
    await sink.until(() => sink.troubles.length > 0);
    expect(sink.troubles[0]).toMatch(/^cannot write, trying again: http:.* gave no answer: .*ECONNREFUSED/);
    await target.listen();
    await target.until(() => target.taken.length === 2);
    await sink.until(() => sink.troubles.at(-1) === "");
    expect(target.taken).toEqual(["a", "b"]);
  });

  test("goes down in the middle: what it did not take comes when it is back", async () => {
    const topic = await topicWith(["a", "b", "c", "d"]);
    const sink = new Sink(config(topic));
    target.answer = (body) => (body === "b" ? (response) => void response.end(() => void target.close()) : ok);
    await sink.until(() => sink.troubles.length > 0);
    target.answer = () => ok;
    await target.listen();
    await target.until(() => target.taken.includes("d"));
    expect([...new Set(target.taken)]).toEqual(["a", "b", "c", "d"]);
  });

  test("cuts the connection in the middle of a write: it is written again", async () => {
    let cuts = 0;
    target.answer = (body) => (body === "b" && cuts++ < 2 ? (response) => void response.destroy() : ok);
    const sink = new Sink(config(await topicWith(["a", "b", "c"])));
    await target.until(() => target.taken.length === 3);
    expect(target.taken).toEqual(["a", "b", "c"]);
    expect(sink.lines.filter((line) => line.message === "write failed, trying again")).toHaveLength(2);
  });

  test("is too slow: given up after the timeout, and tried again", async () => {
    let slow = true;
    target.answer = () => {
      const answer: Answer = slow ? () => {} : ok;
      slow = false;
      return answer;
    };
    const sink = new Sink(config(await topicWith(["a"]), { http_request_timeout: "100ms" }));
    await target.until(() => target.taken.length === 1);
    expect(sink.troubles[0]).toMatch(/timeout/i);
  });

  test.each([500, 503, 429, 408])("answers %d and then takes it", async (code) => {
    let left = 2;
    target.answer = () => (left-- > 0 ? status(code, "not now") : ok);
    const sink = new Sink(config(await topicWith(["a"])));
    await target.until(() => target.taken.length === 1);
    expect(target.seen).toHaveLength(3);
    expect(sink.troubles[0]).toContain(`answered ${code}: not now`);
  });

  test("asks to be left alone for a while, and is", async () => {
    let asked = false;
    target.answer = () => {
      if (asked) return ok;
      asked = true;
      return status(429, "", { "retry-after": "1" });
    };
    const sink = new Sink(config(await topicWith(["a"])));
    await target.until(() => target.taken.length === 1);
    expect(sink.lines.find((line) => line.level === "warn")?.details.retryInMs).toBe(1000);
  });

  test("for longer than `attempts`: then `on-error` decides", async () => {
    target.answer = (body) => (body === "b" ? status(500) : ok);
    const retry = { "initial-delay": "1ms", attempts: "3" };
    const sink = new Sink(config(await topicWith(["a", "b", "c"]), { retry, on_error: "skip" }));
    await target.until(() => target.taken.length === 2);
    expect(target.taken).toEqual(["a", "c"]);
    expect(target.seen).toHaveLength(5);
    expect(sink.lines.find((line) => line.level === "error")?.details.reason).toMatch(
      /^given up after 3 attempts: .*answered 500/,
    );
  });

  test("is told nothing when the connector stops while it waits", async () => {
    target.answer = () => status(500);
    const sink = new Sink(config(await topicWith(["a"]), { retry: { "initial-delay": "1h", "max-delay": "1h" } }));
    await sink.until(() => sink.troubles.length > 0);
    await sink.stop();
    expect(target.taken).toEqual([]);
  });
});

describe("a record that the target refuses", () => {
  const poisoned = (body: string) => (body.includes("bad") ? status(400, "no such thing") : ok);
  const refusing = async () => {
    target.answer = poisoned;
    return await topicWith(["a", "bad", "c"]);
  };

  test("retry: holds up the rest until it is taken", async () => {
    const sink = new Sink(config(await refusing(), { "on-error": "retry" }));
    await target.until(() => target.seen.length === 5);
    expect(target.taken).toEqual(["a"]);
    expect(sink.troubles[0]).toContain("answered 400: no such thing");
    target.answer = () => ok;
    await target.until(() => target.taken.length === 3);
    expect(target.taken).toEqual(["a", "bad", "c"]);
  });

  test("skip: is in the log with its value, and the rest goes on", async () => {
    const sink = new Sink(config(await refusing(), { "on-error": "skip" }));
    await target.until(() => target.taken.length === 2);
    expect(target.taken).toEqual(["a", "c"]);
    const line = sink.lines.find((one) => one.level === "error");
    expect(line).toMatchObject({ message: "record skipped: it cannot be written", details: { offset: 1 } });
    expect(text(line?.details.value as Uint8Array)).toBe("bad");
    await sink.stop();
    expect(sink.counters).toEqual({ records: 2, recordErrors: 1 });
  });

  test("dead-letter: is in the other topic with the reason, and the rest goes on", async () => {
    const topic = await refusing();
    const own = config(topic, { "on-error": "dead-letter" });
    const sink = new Sink(own);
    await target.until(() => target.taken.length === 2);
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
    const sink = new Sink(own);
    await expect(sink.done).rejects.toMatchObject({
      code: "FLV_CONNECTOR_STOPPED",
      message: expect.stringMatching(/^Record 1 of .*-0 cannot be written, and `on-error` is `stop`: .*answered 400/),
      details: { offset: 1, partition: 0 },
    });
    target.answer = () => ok;
    new Sink(own);
    await target.until(() => target.taken.length === 3);
    expect(target.taken).toEqual(["a", "bad", "c"]);
  });

  test("in a batch that is refused as a whole is found, and only it", async () => {
    target.answer = poisoned;
    const values = Array.from({ length: 16 }, (_, index) => (index === 11 ? "bad" : `${index}`));
    const own = config(await topicWith(values), { batch: { size: "16", linger: "0s" }, "on-error": "dead-letter" });
    const sink = new Sink(own);
    const taken = () => target.taken.join("").split("\n").filter(Boolean);
    await target.until(() => taken().length === 15);
    expect(taken()).toEqual(values.filter((value) => value !== "bad"));
    await sink.stop();
    expect((await stored(`${own.name}-dead-letter`)).map(({ value }) => JSON.parse(value).offset)).toEqual([11]);
  });

  test("by a redirect, which would lose it, names where to", async () => {
    target.answer = () => status(301, "", { location: "http://elsewhere/" });
    const sink = new Sink(config(await topicWith(["a"]), { "on-error": "stop" }));
    await expect(sink.done).rejects.toThrow("redirects are not followed: set the endpoint to http://elsewhere/");
  });

  test("with bytes that are no text is kept whole", async () => {
    target.answer = () => status(400);
    const topic = await topicWith([]);
    await using producer = await fluvio.topicProducer(topic);
    await producer.send(Uint8Array.of(0xff, 1), Uint8Array.of(0xfe, 2));
    await producer.flush();
    const own = config(topic, { "on-error": "dead-letter", "dead-letter-topic": "rejects" });
    const sink = new Sink(own);
    await sink.until(() => sink.lines.some((line) => line.message === "record put into the dead-letter topic"));
    const [letter] = await stored("rejects");
    expect(JSON.parse(letter?.value ?? "")).toMatchObject({ keyBase64: "/wE=", valueBase64: "/gI=" });
  });
});

describe("SmartModules before it", () => {
  test("run in the cluster, as parameters and as transforms", async () => {
    const admin = fluvio.admin();
    await admin.createSmartModule("has-a", await buildAs("filter"));
    await admin.createSmartModule("halves", await buildAs("filter-map"));
    new Sink(config(await topicWith(["apple", "plum", "banana"]), { filter: "has-a" }));
    await target.until(() => target.taken.length === 2);
    expect(target.taken).toEqual(["apple", "banana"]);
    const transforms = [{ uses: "halves", with: {} }];
    new Sink(config(await topicWith(["2", "3", "8"]), {}, { transforms }));
    await target.until(() => target.taken.length === 4);
    expect(target.taken.slice(2)).toEqual(["1", "4"]);
  });

  const broken = async (onError: string) => {
    const wasm = await buildAs("filter-map");
    const name = newName();
    await fluvio.admin().createSmartModule(name, wasm);
    return config(await topicWith(["2", "4", "x", "6"]), { "filter-map": name, "on-error": onError });
  };

  test("that refuse a record: skipped or put aside as a record that the target refuses", async () => {
    const own = await broken("dead-letter");
    new Sink(own);
    await target.until(() => target.taken.length === 3);
    expect(target.taken).toEqual(["1", "2", "3"]);
    const [letter] = await stored(`${own.name}-dead-letter`);
    expect(JSON.parse(letter?.value ?? "")).toMatchObject({ offset: 2, value: "x", key: "k2", stage: "smartmodule" });
  });

  test("in a chain: what comes before a record that the first refuses has passed the second too", async () => {
    const [first, second] = [newName(), newName()];
    await fluvio.admin().createSmartModule(first, await buildAs("filter-map"));
    await fluvio.admin().createSmartModule(second, await buildAs("map"));
    const transforms = [first, second].map((uses) => ({ uses, with: {} }));
    new Sink(config(await topicWith(["2", "4", "x", "6"]), { "on-error": "skip" }, { transforms }));
    await target.until(() => target.taken.length === 3);
    expect(target.taken.map((body) => body.replace(/@\d+$/, ""))).toEqual(["1@0", "2@1", "3@3"]);
  });

  test("that refuse a record: tried again until the module is put right", async () => {
    const own = await broken("retry");
    const sink = new Sink(own);
    await sink.until(() => sink.troubles.some((reason) => reason.includes("invalid digit found in string")));
    const { parameters }: ConnectorConfig = own;
    await fluvio.admin().createSmartModule(String(parameters["filter-map"]), await buildAs("keep-all"));
    await target.until(() => target.taken.includes("6"));
    expect(target.taken).toEqual(["1", "2", "x", "6"]);
  });

  test("with a kept state go on where the target was last written", async () => {
    const name = newName();
    await fluvio.admin().createSmartModule(name, await buildAs("aggregate"));
    const topic = await topicWith(["1", "2", "3"]);
    const own = config(topic, {}, { transforms: [{ uses: name, with: {}, state: "totals" }] });
    const first = new Sink(own);
    await target.until(() => target.taken.length === 3);
    await first.stop();
    await produce(topic, ["4"]);
    target.answer = () => status(500);
    const second = new Sink(own);
    await second.until(() => second.troubles.length > 0);
    await second.stop();
    target.answer = () => ok;
    const third = new Sink(own);
    await target.until(() => target.taken.length === 4);
    expect(target.taken).toEqual(["1", "3", "6", "10"]);

    await produce(topic, ["x"]);
    await expect(third.done).rejects.toMatchObject({
      code: "FLV_CONNECTOR_STOPPED",
      message: expect.stringContaining("invalid digit found in string"),
      hint: expect.stringContaining("cannot leave a record out"),
    });
  });
});
