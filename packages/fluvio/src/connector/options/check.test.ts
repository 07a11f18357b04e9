import { describe, expect, test } from "vitest";
import { z } from "zod";
import { type FluvioError, isFluvioError } from "../../protocol/index.ts";
import { defineSource } from "../define.ts";
import type { ConnectorConfig, ParameterValue } from "../file/config.ts";
import { parseSecretsFile, resolveSecrets, secretsElsewhere, withSecrets } from "../file/secrets.ts";
import { checkOptions } from "./check.ts";
import { logLevel, meansModule, moduleReferences } from "./common-parameters.ts";
import * as field from "./fields.ts";
import { sinkOptions } from "./sink-options.ts";

const source = defineSource({
  name: "test",
  version: "1.0.0",
  summary: "for tests",
  config: z.object({
    url: field.httpUrl({ doc: "where to look" }),
    every: field.duration({ doc: "pause", default: "10s", minMs: 1 }),
    "max-size": field.byteSize({ doc: "largest answer", default: "1 MB" }),
    count: field.integer({ doc: "how often", default: "3", min: 0, max: 9 }),
    loud: field.flag({ doc: "say more", default: "false" }),
    mode: field.oneOf(["fast", "slow"], { doc: "pace", default: "fast" }),
    headers: field.pairs({ doc: "request headers", aliases: ["header"] }),
    note: field.optionalText({ doc: "anything" }),
    token: field.text({ doc: "who we are", default: "nobody", secret: "TOKEN" }),
    batch: field.map(
      {
        size: field.integer({ doc: "records", default: "10", min: 1, max: 99 }),
        "max-age": field.duration({ doc: "age", default: "1s" }),
      },
      { doc: "many at once" },
    ),
  }),
  removed: { format: "Use `mode`" },
  run: async () => {},
});

const config = (parameters: Readonly<Record<string, ParameterValue>>): ConnectorConfig => ({
  name: "c",
  type: "test",
  topic: "t",
  version: "latest",
  parameters,
  secrets: {},
  transforms: [],
});
const check = (parameters: Readonly<Record<string, ParameterValue>>) =>
  checkOptions(source, config({ url: "http://localhost/", ...parameters }), "connect.yml");

function refused(work: () => unknown): FluvioError {
  try {
    work();
  } catch (error) {
    if (isFluvioError(error)) return error;
    throw error;
  }
  throw new Error("it was accepted");
}

describe("fields of a connector's own", () => {
  const own = defineSource({
    name: "own",
    version: "1.0.0",
    summary: "for tests",
    run: async () => {},
    config: z.object({
      even: field.parsed("an even number", (text) => (Number(text) % 2 === 0 ? Number(text) : undefined), {
        doc: "pairs",
        kind: "even number",
        default: "2",
      }),
      tree: field.nested(
        (given) => {
          if (typeof given === "string") throw new Error("is no list");
          return JSON.stringify(given);
        },
        { doc: "any form", kind: "list" },
      ),
      json: field.optionalParsed("JSON", (text) => JSON.parse(text) as unknown, { doc: "more", kind: "JSON" }),
      lines: field.texts({ doc: "lines", default: "a,b", commas: false }),
      more: field.optionalTexts({ doc: "more lines" }),
    }),
  });
  const read = (parameters: Readonly<Record<string, ParameterValue>>) =>
    checkOptions(own, config(parameters), "connect.yml");

  test("are read by its function", () => {
    expect(read({})).toEqual({ even: 2, json: undefined, lines: ["a,b"] });
    expect(read({ even: "4", json: "[1]", lines: ["c", "d,e"], more: "f, g" })).toEqual({
      even: 4,
      json: [1],
      lines: ["c", "d,e"],
      more: ["f", "g"],
    });
  });

  test("are refused when it cannot read them", () => {
    expect(refused(() => read({ even: "3" })).message).toContain(
      '`parameters.even` is "3", which is not an even number',
    );
    expect(refused(() => read({ json: "{" })).message).toContain('`parameters.json` is "{", which is not JSON');
    expect(refused(() => read({ tree: "x" })).message).toContain('`parameters.tree` is "x", which is no list');
    expect(read({ tree: ["a", { b: "c" }] }).tree).toBe('["a",{"b":"c"}]');
  });
});

describe("options", () => {
  test("of durations may be written in seconds and nanoseconds", () => {
    expect(check({ every: { secs: "2", nanos: "500000000" } }).every).toBe(2500);
    expect(refused(() => check({ every: { secs: "2", mins: "1" } })).message).toContain("is not a duration");
  });

  test("of URLs may be a bare host", () => {
    const bare = field.url(["mqtt", "mqtts"], { doc: "broker", bareScheme: "mqtt" });
    expect(bare.parse("broker:1883")).toEqual(new URL("mqtt://broker:1883"));
    expect(bare.parse("mqtts://broker")).toEqual(new URL("mqtts://broker"));
    expect(bare.safeParse("http://broker").success).toBe(false);
  });

  test("that are absent are taken from the secret that stands in for them", () => {
    const given = (parameters: Readonly<Record<string, ParameterValue>>, secrets: Readonly<Record<string, string>>) =>
      checkOptions(source, config({ url: "http://localhost/", ...parameters }), "connect.yml", secrets).token;
    expect(given({}, {})).toBe("nobody");
    expect(given({}, { TOKEN: "abc", OTHER: "x" })).toBe("abc");
    expect(given({ token: "mine" }, { TOKEN: "abc" })).toBe("mine");
    const meta = field.fieldMeta(source.config.shape.token);
    expect(meta).toMatchObject({ isSecret: true, description: "who we are; when absent, the secret `TOKEN`" });
  });

  test("have defaults", () => {
    expect(check({})).toEqual({
      url: new URL("http://localhost/"),
      token: "nobody",
      every: 10_000,
      "max-size": 1_000_000,
      count: 3,
      loud: false,
      mode: "fast",
      headers: [],
      note: undefined,
      batch: undefined,
    });
  });

  test.each([
    ["10s", 10_000],
    ["30", 30_000],
    ["1 ms", 1],
    ["1m", 60_000],
    ["150ms", 150],
  ])("duration %s is %d ms", (text, ms) => {
    expect(check({ every: text }).every).toBe(ms);
  });

  test.each([
    ["1 MB", 1_000_000],
    ["2KB", 2000],
    ["1KiB", 1024],
    ["512", 512],
    ["1B", 1],
  ])("size %s is %d bytes", (text, bytes) => {
    expect(check({ "max-size": text })["max-size"]).toBe(bytes);
  });

  test("are found under `_` and `-`, and under their other names", () => {
    expect(check({ max_size: "1KB", header: "A: b:c" })).toMatchObject({ "max-size": 1000, headers: [["A", "b:c"]] });
    expect(check({ headers: { A: "b", C: "d" } }).headers).toEqual([
      ["A", "b"],
      ["C", "d"],
    ]);
  });

  test("in a map have their own types, defaults and spellings", () => {
    expect(check({ batch: {} }).batch).toEqual({ size: 10, "max-age": 1000 });
    expect(check({ batch: { size: "3", max_age: "5ms" } }).batch).toEqual({ size: 3, "max-age": 5 });
  });

  test("common ones are left to the runner", () => {
    expect(() =>
      check({ map: "m", "rust-log": "debug", array_map: "n", "smartmodule-parameters": ["a:b"] }),
    ).not.toThrow();
  });

  test.each<[string, Record<string, ParameterValue>, string, string]>([
    ["an unknown one", { evry: "1s" }, "unknown key `parameters.evry`", "Did you mean `every`?"],
    [
      "an unknown one far from all",
      { zzzzzzzzz: "1" },
      "unknown key `parameters.zzzzzzzzz`",
      "Valid keys here: url, every",
    ],
    ["a removed one", { format: "x" }, "`parameters.format` no longer exists", "Use `mode`"],
    ["a bad duration", { every: "often" }, '`parameters.every` is "often", which is not a duration', "pause"],
    ["a duration of nothing", { every: "0s" }, "of at least 1 ms", "pause"],
    ["a bad size", { max_size: "big" }, '`parameters.max_size` is "big", which is not a size', "largest answer"],
    ["a bad number", { count: "10" }, "is not a whole number from 0 to 9", "how often"],
    ["a bad switch", { loud: "yes" }, "is not true or false", "say more"],
    ["a bad word", { mode: "quick" }, "is not one of fast, slow", "pace"],
    ["a bad pair", { headers: ["A"] }, 'is a list, which has "A"', "request headers"],
    ["a bad URL", { url: "ftp://x" }, "is not an http or https URL", "where to look"],
    ["a list for a text", { every: ["1s"] }, "`parameters.every` is a list, which is not a duration", "pause"],
    ["a text for a map", { batch: "10" }, '`parameters.batch` is "10", which is not a map of keys', "many at once"],
    ["a map with an unknown key", { batch: { sise: "1" } }, "has the unknown key `sise`: write size, max-age", "batch"],
    ["a map with a bad value", { batch: { size: "0" } }, 'has "0" for `size`, which is not a whole number', "batch"],
    ["one of sinks", { retry: { attempts: "3" } }, "`parameters.retry` belongs to sink connectors", "Remove it"],
    ["one given twice", { header: "A: b", headers: [] }, "are the same option", "Keep one"],
  ])("%s is refused", (_, parameters, sentence, hint) => {
    const error = refused(() => check(parameters));
    expect(error.code).toBe("FLV_CONNECTOR_INVALID");
    expect(error.message).toContain(sentence);
    expect(error.hint).toContain(hint);
  });

  test("names that are listed are those of the direction", () => {
    expect(refused(() => check({ zzzzzzzzz: "1" })).hint).not.toContain("retry");
  });

  test("a required one that is missing is named with what it is", () => {
    const error = refused(() => checkOptions(source, config({}), "connect.yml"));
    expect(error.message).toContain("connect.yml: missing required option `parameters.url`");
    expect(error.hint).toContain("where to look");
  });
});

describe("SmartModules of a connector", () => {
  const references = (parameters: Readonly<Record<string, ParameterValue>>, direction: "source" | "sink" = "source") =>
    moduleReferences(config(parameters), direction, "f");

  test("apply in the order of the file, parameters to each", () => {
    expect(references({ map: "m", filter: "f", array_map: "a", smartmodule_parameters: { k: "v" } })).toEqual([
      { uses: "m", mayBePath: true, params: { k: "v" } },
      { uses: "f", mayBePath: true, params: { k: "v" } },
      { uses: "a", mayBePath: true, params: { k: "v" } },
    ]);
  });

  test("an aggregate takes its initial value", () => {
    expect(references({ aggregate: "sum", "aggregate-initial-value": "use-last" })).toEqual([
      { uses: "sum", mayBePath: true, params: {}, aggregateInitial: "use-last" },
    ]);
    expect(refused(() => references({ "aggregate-initial-value": "1" })).message).toContain("without `aggregate`");
  });

  test("parameters are a map or a list of key:value", () => {
    expect(references({ map: "m", "smartmodule-parameters": ["a:b:c", "d: e"] })[0]?.params).toEqual({
      a: "b:c",
      d: "e",
    });
    expect(refused(() => references({ map: "m", "smartmodule-parameters": ["a=b"] })).message).toContain(
      "not `key:value`",
    );
  });

  test("options of the engine among their parameters are checked too", () => {
    const given = (name: string, value: string) => ({ map: "m", "smartmodule-parameters": { [name]: value } });
    expect(refused(() => references(given("fluvio.window", "soon"))).message).toContain("fluvio.window");
    expect(refused(() => references(given("fluvio.windows", "1"))).message).toContain("fluvio.windows");
    expect(refused(() => references(given("fluvio.window", "1000"))).message).toContain("belong to sinks");
    expect(references(given("fluvio.window", "1000"), "sink")).toHaveLength(1);
    expect(references(given("fluvio.time-limit", "1000"))).toHaveLength(1);
  });

  test("transforms come after, by name only", () => {
    const withTransforms = {
      ...config({ map: "m" }),
      transforms: [{ uses: "t", with: {}, lookback: { last: 2, age: "1m" } }],
    };
    expect(moduleReferences(withTransforms, "source", "f")[1]).toEqual({
      uses: "t",
      mayBePath: false,
      params: {},
      lookback: { last: 2, ageMs: 60_000 },
    });
  });

  test("the log level is the file's, else the environment's, else info", () => {
    expect(logLevel(config({ "rust-log": "debug" }), "error")).toBe("debug");
    expect(logLevel(config({}), "fluvio=debug,warn")).toBe("warn");
    expect(logLevel(config({}), undefined)).toBe("info");
  });
});

describe("what a sink does when a write fails", () => {
  const options = (parameters: Readonly<Record<string, ParameterValue>>, more: Partial<ConnectorConfig> = {}) =>
    sinkOptions({ ...config(parameters), ...more }, "f");

  test("has defaults: tries again for ever, begins at the end, keeps its position under its own name", () => {
    expect(options({})).toEqual({
      consumerId: "c",
      partitions: undefined,
      start: "end",
      strategy: "manual",
      flushPeriodMs: undefined,
      maxBytes: undefined,
      retry: { initialDelayMs: 500, maxDelayMs: 30_000, attempts: Number.POSITIVE_INFINITY },
      onError: "retry",
      deadLetterTopic: "c-dead-letter",
    });
  });

  test("is read under `_` and `-`", () => {
    const retry = { initial_delay: "1s", "max-delay": "1m", attempts: "5" };
    expect(
      options({ retry, on_error: "dead_letter", dead_letter_topic: "rejects", "fluvio-partition": "3" }),
    ).toMatchObject({
      partitions: [3],
      retry: { initialDelayMs: 1000, maxDelayMs: 60_000, attempts: 5 },
      onError: "dead-letter",
      deadLetterTopic: "rejects",
    });
    const offset = { start: { absolute: "7" }, strategy: "auto" } as const;
    expect(options({}, { consumer: { partition: ["1", "2"], offset, id: "x", "max-bytes": "1MB" } })).toMatchObject({
      consumerId: "x",
      partitions: [1, 2],
      start: { absolute: 7 },
      strategy: "auto",
      flushPeriodMs: 10_000,
      maxBytes: 1_000_000,
    });
  });

  test.each<[string, Record<string, ParameterValue>, string, string]>([
    ["a bad policy", { "on-error": "deadletter" }, "unknown variant", "Did you mean `dead-letter`?"],
    ["a bad delay", { retry: { "initial-delay": "soon" } }, '`parameters.retry.initial-delay` is "soon"', "1s"],
    ["bad attempts", { "on-error": "skip", retry: { attempts: "0" } }, "is not a number from 1 on", "attempts: 10"],
    ["an unknown key", { retry: { delay: "1s" } }, "unknown key `parameters.retry.delay`", "initial-delay"],
    ["a retry that is no map", { retry: "5" }, "`parameters.retry` is not a map", "initial-delay"],
    ["attempts without an end", { retry: { attempts: "3" } }, "has no effect with `on-error: retry`", "dead-letter"],
    ["a topic without use", { "dead-letter-topic": "x" }, "has no effect with `on-error: retry`", "dead-letter"],
    ["a topic that is read", { "on-error": "dead-letter", "dead-letter-topic": "t" }, "the sink reads", "another"],
    ["a bad topic", { "on-error": "dead-letter", "dead-letter-topic": "A_B" }, "not a valid topic name", "another"],
    ["a bad partition", { "fluvio-partition": "one" }, "is not a partition", "consumer"],
  ])("%s is refused", (_, parameters, sentence, hint) => {
    const error = refused(() => options(parameters));
    expect(error.code).toBe("FLV_CONNECTOR_INVALID");
    expect(error.message).toContain(sentence);
    expect(error.hint).toContain(hint);
  });

  test("its modules cannot go on from the topic's last record, which is none of theirs", () => {
    const parameters = { aggregate: "a", "aggregate-initial-value": "use-last" };
    expect(refused(() => moduleReferences(config(parameters), "sink", "f")).message).toContain("belongs to sources");
    expect(moduleReferences(config(parameters), "source", "f")[0]?.aggregateInitial).toBe("use-last");
  });

  test.each([
    ["m", "m", true],
    ["m", "n", false],
    ["g/m@0.1.0", "m-g-0.1.0", true],
    ["g/m", "m-g-0.1.0", true],
    ["g/m@0.1.0", "m-g-0.2.0", false],
    ["m", "m-g-0.1.0", false],
  ])("the step %s means the stored module %s: %s", (uses, key, expected) => {
    expect(meansModule(uses, key)).toBe(expected);
  });
});

describe("secrets", () => {
  test("come from the file, else from where they were declared to be", () => {
    const declared = { ...config({}), secrets: { A: "in-file", B: "", C: "[REDACTED]" } };
    const values = { A: "other", B: "b", C: "c" } as Readonly<Record<string, string>>;
    expect(resolveSecrets(declared, (name) => values[name], "f")).toEqual({ A: "in-file", B: "b", C: "c" });
    expect(refused(() => resolveSecrets(declared, () => undefined, "f")).message).toContain(
      "value not found for secret name B",
    );
  });

  test("are put into templates and references, at any depth", () => {
    const parameters = { a: "Bearer ${{ secrets.T }}!", b: ["${{secrets.T}}"], c: { secret: { name: "T" } } };
    const transforms = [{ uses: "m", with: { key: "${{ secrets.T }}" } }];
    const filled = withSecrets({ ...config(parameters), transforms }, { T: "x" });
    expect(filled.parameters).toEqual({ a: "Bearer x!", b: ["x"], c: "x" });
    expect(filled.transforms).toEqual([{ uses: "m", with: { key: "x" } }]);
  });

  test("that are used without being declared are looked for as well", () => {
    const used = { ...config({ a: "${{ secrets.TOKN }}", b: ["${{ secrets.KNOWN }}"] }), secrets: { TOKEN: "x" } };
    expect(secretsElsewhere(used)).toEqual(["TOKN", "KNOWN"]);
    expect(resolveSecrets(used, (name) => `${name}!`, "f")).toEqual({ TOKEN: "x", TOKN: "TOKN!", KNOWN: "KNOWN!" });
    const error = refused(() => resolveSecrets(used, () => undefined, "f"));
    expect(error.message).toContain("value not found for secret name TOKN");
    expect(error.hint).toMatch(/^Did you mean `TOKEN`\? .*fluvio secret set TOKN/);
    const byHand = refused(() => resolveSecrets(used, () => undefined, "f", "here"));
    expect(byHand.hint).toMatch(/--secrets FILE with TOKN=VALUE, or environment variable TOKN$/);
    expect(byHand.hint).not.toContain("secret set");
  });

  test("a secrets file has KEY=VALUE lines, and a bad line is not quoted", () => {
    expect([...parseSecretsFile("# c\nA=1=2\n\nB=\n", "s.env")]).toEqual([
      ["A", "1=2"],
      ["B", ""],
    ]);
    const error = refused(() => parseSecretsFile("A=1\nhunter2\n", "s.env"));
    expect(error.message).toContain("s.env:2");
    expect(error.message).not.toContain("hunter2");
  });
});
