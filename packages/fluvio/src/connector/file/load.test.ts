import { describe, expect, test } from "vitest";
import { type FluvioError, isFluvioError } from "../../protocol/index.ts";
import { moduleReferences } from "../options/common-parameters.ts";
import { type ConnectorConfig, encodeConfig } from "./config.ts";
import { describeConfig } from "./describe.ts";
import { loadConnectorFile } from "./load.ts";

const load = (text: string): ConnectorConfig => loadConnectorFile(text, "connect.yml");

function refused(text: string): FluvioError {
  try {
    load(text);
  } catch (error) {
    if (isFluvioError(error)) return error;
    throw error;
  }
  throw new Error("the file was accepted");
}

const SEED = `# connect.yml
version: 0.3.0
name: cat-facts
type: http
topic: cat-facts
direction: source
parameters:
  endpoint: https://catfact.ninja/fact
  interval: 10s
`;
const TODAY = "apiVersion: 0.1.0\nmeta:\n  name: cat-facts\n  type: http-source\n  topic: cat-facts\n";

const seedConfig: ConnectorConfig = {
  name: "cat-facts",
  type: "http",
  topic: "cat-facts",
  version: "0.3.0",
  direction: "source",
  parameters: { endpoint: "https://catfact.ninja/fact", interval: "10s" },
  secrets: {},
  transforms: [],
};

describe("files of both eras become one configuration", () => {
  test("the seed's file", () => {
    expect(load(SEED)).toEqual(seedConfig);
  });

  test("the seed's file with a filter and without a version", () => {
    expect(
      load(
        "name: cat-facts-connector\ntype: http\ntopic: cat-facts\ncreate_topic: true\ndirection: source\n" +
          "parameters:\n  endpoint: https://catfact.ninja/fact\n  interval: 30\n  filter: my-filter\n",
      ),
    ).toEqual({
      ...seedConfig,
      name: "cat-facts-connector",
      version: "latest",
      parameters: { endpoint: "https://catfact.ninja/fact", interval: "30", filter: "my-filter" },
    });
  });

  test("the seed's producer section", () => {
    const config = load(
      `${SEED}  map: "catfact-map"\nproducer:\n  linger: 1ms\n  compression: gzip\n  batch-size: 1 MB\n` +
        "  timeout: 5s\n  isolation: READ_COMMITTED\n",
    );
    expect(config.producer).toEqual({
      linger: "1ms",
      compression: "gzip",
      "batch-size": "1 MB",
      timeout: "5s",
      isolation: "read_committed",
    });
    expect(config.parameters.map).toBe("catfact-map");
  });

  test("today's smallest file", () => {
    expect(
      load(
        "apiVersion: 0.1.0\nmeta:\n  version: 0.4.0\n  name: my-http\n  type: http-source\n  topic: facts\n" +
          "http:\n  endpoint: https://catfact.ninja/fact\n  interval: 10s\n",
      ),
    ).toEqual({
      name: "my-http",
      type: "http-source",
      topic: "facts",
      version: "0.4.0",
      parameters: { endpoint: "https://catfact.ninja/fact", interval: "10s" },
      secrets: {},
      transforms: [],
    });
  });

  test("today's file with a topic object, secrets, transforms and a lookback", () => {
    const config = load(`apiVersion: 0.2.0
meta:
  version: 0.4.0
  name: my-http
  type: http-source
  topic:
    meta:
      name: facts
    partition: { count: 3, max-size: 100 GB }
    retention: { time: 1d, segment-size: 1 MB }
    compression: { type: Gzip }
  producer:
    batch_size: 2KB
  secrets:
    - name: TOKEN
http:
  endpoint: https://example.com
  headers: ["Authorization: \${{ secrets.TOKEN }}"]
transforms:
  - uses: infinyon/jolt@0.1.0
    with:
      spec: [{ operation: shift }]
      mode: fast
    lookback: { last: 10, age: 1h }
`);
    expect(config).toMatchObject({
      topic: "facts",
      "topic-options": {
        partitions: "3",
        retention: "1d",
        "segment-size": "1 MB",
        "max-partition-size": "100 GB",
        compression: "gzip",
      },
      producer: { "batch-size": "2KB" },
      secrets: { TOKEN: "" },
      transforms: [
        {
          uses: "infinyon/jolt@0.1.0",
          with: { spec: '[{"operation":"shift"}]', mode: "fast" },
          lookback: { last: 10, age: "1h" },
        },
      ],
    });
  });

  test("a topic that drops what repeats", () => {
    const config = load(
      "apiVersion: 0.2.0\nmeta:\n  name: s\n  type: http-source\n  version: 0.4.0\n  topic:\n    meta: { name: t }\n" +
        "    deduplication:\n      bounds: { count: 100, age: 1m }\n" +
        "      filter:\n        transform: { uses: dedup, with: { by: key } }\nhttp:\n  endpoint: http://x/\n",
    );
    const deduplication = { count: "100", age: "1m", uses: "dedup", with: { by: "key" } };
    expect(config["topic-options"]).toEqual({ deduplication });
    expect(load(new TextDecoder().decode(encodeConfig(config)))).toEqual(config);
    expect(load(describeConfig(config))).toEqual(config);
    const bad = (lines: string) =>
      refused(`meta:\n  name: s\n  type: x\n  topic:\n    meta: { name: t }\n    deduplication:\n${lines}`).message;
    expect(bad("      bounds: { count: 1 }\n")).toContain("missing field `meta.topic.deduplication.filter`");
    expect(bad("      bounds: { count: 0 }\n      filter: { transform: { uses: d } }\n")).toContain("number from 1 on");
  });

  test("the consumer section of a sink, in both forms", () => {
    const section =
      "consumer:\n  partition: [0, 2]\n  max_bytes: 1 MB\n  id: my.Sink_1\n" +
      "  offset:\n    start: { from-end: 10 }\n    strategy: auto\n    flush_period: { secs: 2, nanos: 500000000 }\n";
    const expected = {
      partition: ["0", "2"],
      "max-bytes": "1 MB",
      id: "my.Sink_1",
      offset: { start: { "from-end": "10" }, strategy: "auto", "flush-period": "2500ms" },
    };
    const seed = load(`name: s\ntype: http-sink\ntopic: t\n${section}`);
    expect(seed.consumer).toEqual(expected);
    const indented = section.replaceAll(/^/gm, "  ").trimEnd();
    const today = load(
      `apiVersion: 0.1.0\nmeta:\n  name: s\n  type: http-sink\n  version: 0.4.0\n  topic: t\n${indented}\nhttp:\n  endpoint: http://x/\n`,
    );
    expect(today.consumer).toEqual(expected);
    expect(load(new TextDecoder().decode(encodeConfig(today)))).toEqual(today);
    expect(load(describeConfig(seed))).toEqual(seed);
    expect(
      load("name: s\ntype: x\ntopic: t\nconsumer:\n  partition: all\n  offset: { start: Beginning }\n").consumer,
    ).toEqual({
      partition: "all",
      offset: { start: "beginning" },
    });
  });

  test("windows, limits and kept states of a chain, in both forms", () => {
    const steps =
      "transforms:\n  - uses: sums\n    window: 10s\n    state: totals\n" +
      "  - uses: other\n    window: { size: 1m, slide: 30s, grace: 5s }\n    limits: { time: 1s, memory: 64MB, output: 1MB }\n";
    const expected = [
      { uses: "sums", with: {}, window: { size: "10s" }, state: "totals" },
      {
        uses: "other",
        with: {},
        window: { size: "1m", slide: "30s", grace: "5s" },
        limits: { time: "1s", memory: "64MB", output: "1MB" },
      },
    ];
    const seed = load(`name: s\ntype: http-sink\ntopic: t\n${steps}`);
    expect(seed.transforms).toEqual(expected);
    expect(load(`meta:\n  name: s\n  type: http-sink\n  topic: t\n${steps}`).transforms).toEqual(expected);
    expect(load(describeConfig(seed))).toEqual(seed);
    expect(moduleReferences(seed, "sink", "f")).toEqual([
      { uses: "sums", mayBePath: false, params: {}, window: { sizeMs: 10_000 }, state: "totals" },
      {
        uses: "other",
        mayBePath: false,
        params: {},
        window: { sizeMs: 60_000, slideMs: 30_000, graceMs: 5000 },
        limits: { batchTimeoutMs: 1000, memoryBytesMax: 64_000_000, outputBytesMax: 1_000_000 },
      },
    ]);
    expect(() => moduleReferences(seed, "source", "f")).toThrow("`transforms[0].window` belongs to sinks");
  });

  test("the direction of a sink whose type leaves it open is shown, so that the document makes it again", () => {
    const sink = load("name: s\ntype: http\ntopic: t\ndirection: sink\n");
    expect(describeConfig(sink)).toContain("direction: sink");
    expect(load(describeConfig(sink))).toEqual(sink);
  });

  test("values are converted to text as the conversion table says", () => {
    const config = load(
      `${SEED}  a: 30\n  b: 10.0\n  c: true\n  d: null\n  e: [1, x]\n  f: { g: 2 }\n  h: 12345678901234567890\n`,
    );
    expect(config.parameters).toMatchObject({
      a: "30",
      b: "10",
      c: "true",
      d: "null",
      e: ["1", "x"],
      f: { g: "2" },
      h: "12345678901234567890",
    });
  });

  test("a version keeps its digits", () => {
    expect(load(SEED.replace("0.3.0", "1.10")).version).toBe("1.10");
  });

  test("what is stored loads as the same configuration", () => {
    const config = load(
      `${SEED}secrets:\n  A: x\nproducer:\n  linger: 1 ms\ntransforms:\n  - uses: m\n    with: { a: [1] }\n`,
    );
    expect(load(new TextDecoder().decode(encodeConfig(config)))).toEqual(config);
  });

  test("so does what the newer form says, with secrets that are only declared", () => {
    const config = load(`apiVersion: 0.2.0
meta:
  version: 0.3.8
  name: alerts
  type: slack-sink
  topic:
    meta: { name: alerts }
    partition: { count: 2 }
  secrets: [{ name: WEBHOOK_URL }]
  producer: { linger: 1ms, timeout: 2s, isolation: read_committed }
  consumer:
    partition: [0, 1]
    id: own
    max-bytes: 1 MB
    offset: { start: { from-end: 3 }, strategy: auto, flush-period: { secs: 1, nanos: 500000000 } }
slack:
  template: ""
transforms:
  - uses: m
    with: { empty: "" }
    lookback: { last: 3, age: 1h }
`);
    expect(config.secrets).toEqual({ WEBHOOK_URL: "" });
    expect(load(new TextDecoder().decode(encodeConfig(config)))).toEqual(config);
  });
});

describe("mistakes name file, line, key, value and the way out", () => {
  test.each([
    ["unknown key", SEED.replace("topic:", "topik:"), "connect.yml:5: unknown key `topik`", "Did you mean `topic`?"],
    ["missing name", SEED.replace("name: cat-facts\n", ""), "missing field `name`", "Add `name:` to the file"],
    ["bad name", SEED.replace("name: cat-facts", "name: Cat_Facts"), 'connect.yml:3: `name` "Cat_Facts"', "lowercase"],
    [
      "bad direction",
      SEED.replace("source", "sorce"),
      '`direction` is "sorce": unknown variant',
      "Did you mean `source`?",
    ],
    [
      "bad linger",
      `${SEED}producer:\n  linger: soon\n`,
      'connect.yml:11: `producer.linger` is "soon": expected a duration',
      "10ms",
    ],
    [
      "bad batch size",
      `${SEED}producer:\n  batch-size: huge\n`,
      '`producer.batch-size` is "huge": expected a byte size',
      "1 MB",
    ],
    [
      "bad compression",
      `${SEED}producer:\n  compression: gzp\n`,
      '`producer.compression` is "gzp": unknown variant',
      "Did you mean `gzip`?",
    ],
    [
      "unknown producer key",
      `${SEED}producer:\n  lingr: 1s\n`,
      "unknown key `producer.lingr`",
      "Did you mean `linger`?",
    ],
    ["not YAML", "name: [", "connect.yml:1: not valid YAML", "Correct this line"],
    ["a key twice", `${SEED}name: again\n`, "not valid YAML: Map keys must be unique", "Correct this line"],
    ["a list at the top", "- a\n", "it is not a map of keys", "version:"],
    ["an option twice", `${SEED}  user_agent: a\n  user-agent: b\n`, "are the same key", "Keep one"],
    [
      "a map for a text",
      SEED.replace("type: http", "type: { a: 1 }"),
      "`type` is a map, not a single value",
      "type: VALUE",
    ],
    ["unknown apiVersion", "apiVersion: 9.0.0\nmeta: {}\n", "`apiVersion` 9.0.0 is not known", "0.1.0, 0.2.0"],
    ["misspelt section", `${TODAY}httpp: {}\n`, "unknown key `httpp`", "Did you mean `http`?"],
    [
      "section of another",
      `${TODAY}mqtt: {}\n`,
      "connect.yml:6: unknown key `mqtt`",
      "Valid keys here: http, http-source, custom",
    ],
    [
      "misspelt transforms",
      `${TODAY}transform: { uses: a }\n`,
      "unknown key `transform`",
      "Did you mean `transforms`?",
    ],
    ["the same beside options", `${TODAY}http: {}\ntransform: {}\n`, "unknown key `transform`", "`transforms`"],
    [
      "the same of a package",
      `${TODAY.replace("http-", "npm:@acme/")}transform: {}\n`,
      "unknown key `transform`",
      "`transforms`",
    ],
    ["two sections", `${TODAY}http: {}\ncustom: {}\n`, "a second section of options, `custom`", "Keep the section"],
    ["meta without name", "meta:\n  type: http\n  topic: t\n", "missing field `meta.name`", "Add `name:`"],
    ["bad partition", `${SEED}consumer:\n  partition: first\n`, '`consumer.partition` "first"', "`all`"],
    ["a list of all", `${SEED}consumer:\n  partition: [all]\n`, "is not a partition", "a list of numbers"],
    ["bad start", `${SEED}consumer:\n  offset: { start: middle }\n`, '`consumer.offset.start` is "middle"', "from-end"],
    ["bad start form", `${SEED}consumer:\n  offset: { start: { from-top: 1 } }\n`, "{ from-top: 1 }", "from-end"],
    ["bad strategy", `${SEED}consumer:\n  offset: { strategy: autos }\n`, "unknown variant", "Did you mean `auto`?"],
    ["bad consumer id", `${SEED}consumer:\n  id: "a b"\n`, "is not a valid consumer id", "letters"],
    ["bad max bytes", `${SEED}consumer:\n  max-bytes: many\n`, "expected a byte size", "1 MB"],
    ["bad window", `${SEED}transforms:\n  - uses: a\n    window: soon\n`, "expected a duration", "10ms"],
    ["window without size", `${SEED}transforms:\n  - uses: a\n    window: { slide: 1s }\n`, "missing field", "size"],
    ["bad limit", `${SEED}transforms:\n  - uses: a\n    limits: { cpu: 1s }\n`, "limits.cpu", "time, memory, output"],
    ["bad state", `${SEED}transforms:\n  - uses: a\n    state: A B\n`, "`transforms[0].state`", "lowercase"],
    ["bad secret name", `${SEED}secrets:\n  1A: x\n`, 'secret name "1A" is not valid', "digit"],
  ])("%s", (_, text, sentence, hint) => {
    const error = refused(text);
    expect(error.code).toBe("FLV_CONNECTOR_INVALID");
    expect(error.message).toMatch(/^Invalid connector config connect\.yml/);
    expect(error.message).toContain(sentence);
    expect(error.hint).toContain(hint);
  });
});

describe("describe", () => {
  test("shows the seed's document", () => {
    expect(describeConfig(load(SEED))).toBe(`---
name: cat-facts
type: http
topic: cat-facts
version: 0.3.0
parameters:
  endpoint: "https://catfact.ninja/fact"
  interval: 10s
`);
  });

  test("numbers and switches come back as text, secrets hidden, and the document creates the same connector again", () => {
    const config = load(
      `${SEED}  retries: 3\n  flag: true\n  header: ["A: b"]\nsecrets:\n  TOKEN: very-secret\nproducer:\n  batch-size: 1 MB\n`,
    );
    const shown = describeConfig(config);
    expect(shown).toContain('retries: "3"');
    expect(shown).toContain('flag: "true"');
    expect(shown).toContain('- "A: b"');
    expect(shown).not.toContain("very-secret");
    const { direction: _, ...rest } = config;
    expect(load(shown)).toEqual({ ...rest, secrets: { TOKEN: "[REDACTED]" } });
  });
});
