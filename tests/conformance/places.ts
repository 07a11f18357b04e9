import type { TestCli } from "../../packages/fluvio/src/cli/testing/cluster.ts";
import type { Fluvio, ProducerOptions, SmartModuleStep } from "../../packages/fluvio/src/client/index.ts";
import { type ConnectorDefinition, defineSink, defineSource } from "../../packages/fluvio/src/connector/define.ts";
import type { ConnectorConfig, ParameterValue } from "../../packages/fluvio/src/connector/file/config.ts";
import { newCounters } from "../../packages/fluvio/src/connector/run/counters.ts";
import { fileMarker } from "../../packages/fluvio/src/connector/run/first-positions.ts";
import { runConnector } from "../../packages/fluvio/src/connector/run/runner.ts";
import { noOptions } from "../../packages/fluvio/src/connector/testing/no-options.ts";
import { userPackages } from "../../packages/fluvio/src/npm/index.ts";
import { silentLogger } from "../../packages/fluvio/src/protocol/index.ts";
import type { CaseStep, ConformanceCase, Line, Place } from "./cases.ts";

/** What the places run on: a cluster in this process, its client, and command lines that talk to it. */
export interface Stage {
  readonly cli: TestCli;
  readonly client: Fluvio;
  /** A topic that no other case uses, with what the case has stored in it. */
  topic(one: ConformanceCase): Promise<string>;
}

const KEY = "k";
const DEADLINE_MS = 20_000;
const decode = (bytes: Uint8Array | undefined): string => (bytes === undefined ? "" : new TextDecoder().decode(bytes));
const line = (record: { readonly key: Uint8Array | undefined; readonly value: Uint8Array }): Line =>
  `${decode(record.key)}=${decode(record.value)}`;
const storedCount = (one: ConformanceCase): number => one.stored?.length ?? 0;

/** Stores values as they are. */
export async function store(client: Fluvio, topic: string, values: readonly string[], options: ProducerOptions = {}) {
  await using producer = await client.topicProducer(topic, options);
  await producer.sendAll(values.map((value) => ({ key: KEY, value })));
  await producer.flush();
}

/** What is in the topic behind what the case had stored. */
async function added(stage: Stage, topic: string, one: ConformanceCase, smartmodules: readonly SmartModuleStep[] = []) {
  const offset = { absolute: storedCount(one) };
  const consumer = await stage.client.consumer({ topic, offset, smartmodules, disableContinuous: true });
  const lines: Line[] = [];
  for await (const record of consumer) lines.push(line(record));
  return lines;
}

async function storeInput(stage: Stage, topic: string, one: ConformanceCase): Promise<void> {
  for (const portion of one.input) await store(stage.client, topic, portion);
}

const clientSteps = (steps: readonly CaseStep[]): readonly SmartModuleStep[] =>
  steps.map(({ fixture, params, lookbackLast, initial }) => ({
    name: nameOf(fixture),
    ...(params === undefined ? {} : { params }),
    ...(lookbackLast === undefined ? {} : { lookback: { last: lookbackLast } }),
    ...(initial === undefined ? {} : { aggregateInitial: initial }),
  }));

/** Names of stored modules have no underscores. */
export const nameOf = (fixture: string): string => fixture.replaceAll("_", "-");

// ---- connectors --------------------------------------------------------------------------------------------------

/** One step goes into the parameters of the older form, a chain into `transforms`. */
function connectorConfig(topic: string, one: ConformanceCase): ConnectorConfig {
  const [only, second] = one.steps;
  const asParameters = only !== undefined && second === undefined && only.lookbackLast === undefined;
  const parameters: Record<string, ParameterValue> = {};
  if (asParameters) {
    parameters[only.kind] = nameOf(only.fixture);
    if (only.initial !== undefined) parameters["aggregate-initial-value"] = only.initial;
    if (only.params !== undefined) parameters["smartmodule-parameters"] = only.params;
  }
  return {
    name: topic,
    type: "conformance",
    topic,
    version: "latest",
    parameters,
    secrets: {},
    consumer: { offset: { start: { absolute: String(storedCount(one)) } } },
    transforms: asParameters
      ? []
      : one.steps.map(({ fixture, params = {}, lookbackLast }) => ({
          uses: nameOf(fixture),
          with: params,
          ...(lookbackLast === undefined ? {} : { lookback: { last: lookbackLast } }),
        })),
  };
}

function runAsConnector(stage: Stage, config: ConnectorConfig, definition: ConnectorDefinition, signal: AbortSignal) {
  return runConnector(
    {
      config,
      file: "conformance.yml",
      secrets: {},
      endpoint: stage.cli.address,
      logger: silentLogger,
      signal,
      report: () => {},
      marker: fileMarker(undefined),
      packages: userPackages(),
      definition,
    },
    newCounters(),
  );
}

const described = { name: "conformance", version: "0.0.0", summary: "for the conformance table", config: noOptions };

async function throughSource(stage: Stage, one: ConformanceCase): Promise<readonly Line[]> {
  const topic = await stage.topic(one);
  const source = defineSource({
    ...described,
    run: async ({ send, flush }) => {
      for (const portion of one.input) {
        for (const value of portion) await send({ key: KEY, value });
        await flush();
      }
    },
  });
  await runAsConnector(stage, connectorConfig(topic, one), source, new AbortController().signal);
  return await added(stage, topic, one);
}

async function throughSink(stage: Stage, one: ConformanceCase, expectedCount: number): Promise<readonly Line[]> {
  const topic = await stage.topic(one);
  await storeInput(stage, topic, one);
  const lines: Line[] = [];
  const stop = new AbortController();
  const sink = defineSink({
    ...described,
    run: ({ deliver }) =>
      deliver(
        async ({ records }) => {
          lines.push(...records.map(line));
          if (lines.length >= expectedCount) stop.abort();
        },
        { recordsMax: 1000 },
      ),
  });
  const deadline = AbortSignal.timeout(DEADLINE_MS);
  await runAsConnector(stage, connectorConfig(topic, one), sink, AbortSignal.any([stop.signal, deadline]));
  return lines;
}

// ---- command line ------------------------------------------------------------------------------------------------

/** `[key] value` lines of the commands. */
const toLines = (stdout: string): readonly Line[] =>
  stdout.split("\n").flatMap((text) => {
    const found = /^\[(.*?)\] (.*)$/.exec(text);
    return found === null ? [] : [`${found[1]}=${found[2]}`];
  });

/** One step with its own flags, a chain as lines of JSON. */
function chainFlags(steps: readonly CaseStep[], kinds: boolean): readonly string[] {
  const [only, second] = steps;
  if (only === undefined || second !== undefined || only.lookbackLast !== undefined) {
    return steps.flatMap(({ fixture, params = {}, lookbackLast }) => {
      const lookback = lookbackLast === undefined ? {} : { lookback: { last: lookbackLast } };
      return ["--transforms-line", JSON.stringify({ uses: nameOf(fixture), with: params, ...lookback })];
    });
  }
  const params = Object.entries(only.params ?? {}).flatMap(([key, value]) => ["-e", `${key}=${value}`]);
  const initial = only.initial === undefined ? [] : [kinds ? "--initial" : "--aggregate-initial", only.initial];
  return [kinds ? `--${only.kind}` : "--smartmodule", nameOf(only.fixture), ...params, ...initial];
}

async function throughConsume(stage: Stage, one: ConformanceCase): Promise<readonly Line[]> {
  const topic = await stage.topic(one);
  await storeInput(stage, topic, one);
  const from = ["--start", String(storedCount(one)), "-d", "-k"];
  return toLines(await stage.cli.ok("consume", topic, ...from, ...chainFlags(one.steps, true)));
}

async function throughProduce(stage: Stage, one: ConformanceCase): Promise<readonly Line[]> {
  const topic = await stage.topic(one);
  for (const portion of one.input) {
    const flags = ["--key", KEY, "--linger", "1s", ...chainFlags(one.steps, false)];
    await stage.cli.produce(topic, portion.map((value) => `${value}\n`).join(""), ...flags);
  }
  return await added(stage, topic, one);
}

async function throughTest(stage: Stage, one: ConformanceCase): Promise<readonly Line[]> {
  const file = await stage.cli.file(
    "input.txt",
    one.input
      .flat()
      .map((value) => `${value}\n`)
      .join(""),
  );
  const stored = (one.stored ?? []).flatMap((value) => ["--record", value]);
  const [only] = one.steps;
  const flags =
    only?.lookbackLast === undefined
      ? chainFlags(one.steps, false)
      : ["--smartmodule", nameOf(only.fixture), "--lookback-last", String(only.lookbackLast)];
  return toLines(await stage.cli.ok("smartmodule", "test", "--file", file, "--key", KEY, "-k", ...stored, ...flags));
}

// ---- the places --------------------------------------------------------------------------------------------------

async function throughProducer(stage: Stage, one: ConformanceCase, options: ProducerOptions): Promise<readonly Line[]> {
  const topic = await stage.topic(one);
  await using producer = await stage.client.topicProducer(topic, {
    ...options,
    smartmodules: clientSteps(one.steps),
  });
  for (const portion of one.input) {
    await producer.sendAll(portion.map((value) => ({ key: KEY, value })));
    await producer.flush();
  }
  return await added(stage, topic, one);
}

async function throughConsumer(stage: Stage, one: ConformanceCase): Promise<readonly Line[]> {
  const topic = await stage.topic(one);
  await storeInput(stage, topic, one);
  return await added(stage, topic, one, clientSteps(one.steps));
}

/** Runs a case in a place and gives what came out. */
export function runIn(
  place: Place,
  stage: Stage,
  one: ConformanceCase,
  expectedCount: number,
): Promise<readonly Line[]> {
  switch (place) {
    case "source connector":
      return throughSource(stage, one);
    case "sink connector":
      return throughSink(stage, one, expectedCount);
    case "producer in the client":
      return throughProducer(stage, one, { smartmodulesAt: "client" });
    case "producer on the SPU":
      return throughProducer(stage, one, {});
    case "consumer":
      return throughConsumer(stage, one);
    case "consume command":
      return throughConsume(stage, one);
    case "produce command":
      return throughProduce(stage, one);
    case "smartmodule test":
      return throughTest(stage, one);
  }
}
