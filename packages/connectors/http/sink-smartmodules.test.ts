import { describe, expect, test } from "vitest";
import { buildAs } from "../../../tests/fixtures/build-as.ts";
import type { ConnectorConfig } from "../../fluvio/src/connector/file/config.ts";
import { useSinks } from "./testing/sinks.ts";
import { ok, status } from "./testing/target.ts";

const sinks = useSinks();
const { config, newName, produce, start, stored, topicWith } = sinks;

describe("SmartModules before it", () => {
  test("run in the cluster, as parameters and as transforms", async () => {
    const admin = sinks.fluvio.admin();
    await admin.createSmartModule("has-a", await buildAs("filter"));
    await admin.createSmartModule("halves", await buildAs("filter-map"));
    start(config(await topicWith(["apple", "plum", "banana"]), { filter: "has-a" }));
    await sinks.target.until(() => sinks.target.taken.length === 2);
    expect(sinks.target.taken).toEqual(["apple", "banana"]);
    const transforms = [{ uses: "halves", with: {} }];
    start(config(await topicWith(["2", "3", "8"]), {}, { transforms }));
    await sinks.target.until(() => sinks.target.taken.length === 4);
    expect(sinks.target.taken.slice(2)).toEqual(["1", "4"]);
  });

  const broken = async (onError: string) => {
    const wasm = await buildAs("filter-map");
    const name = newName();
    await sinks.fluvio.admin().createSmartModule(name, wasm);
    return config(await topicWith(["2", "4", "x", "6"]), { "filter-map": name, "on-error": onError });
  };

  test("that refuse a record: skipped or put aside as a record that the target refuses", async () => {
    const own = await broken("dead-letter");
    start(own);
    await sinks.target.until(() => sinks.target.taken.length === 3);
    expect(sinks.target.taken).toEqual(["1", "2", "3"]);
    const [letter] = await stored(`${own.name}-dead-letter`);
    const record = { offset: 2, timestamp: null, value: "x", key: "k2" };
    expect(JSON.parse(letter?.value ?? "")).toMatchObject({ ...record, stage: "smartmodule" });
  });

  test("in a chain: what comes before a record that the first refuses has passed the second too", async () => {
    const [first, second] = [newName(), newName()];
    await sinks.fluvio.admin().createSmartModule(first, await buildAs("filter-map"));
    await sinks.fluvio.admin().createSmartModule(second, await buildAs("map"));
    const transforms = [first, second].map((uses) => ({ uses, with: {} }));
    start(config(await topicWith(["2", "4", "x", "6"]), { "on-error": "skip" }, { transforms }));
    await sinks.target.until(() => sinks.target.taken.length === 3);
    expect(sinks.target.taken.map((body) => body.replace(/@\d+$/, ""))).toEqual(["1@0", "2@1", "3@3"]);
  });

  test("that refuse a record: tried again until the module is put right", async () => {
    const own = await broken("retry");
    const sink = start(own);
    await sink.until(() => sink.troubles.some((reason) => reason.includes("invalid digit found in string")));
    const { parameters }: ConnectorConfig = own;
    await sinks.fluvio.admin().createSmartModule(String(parameters["filter-map"]), await buildAs("keep-all"));
    await sinks.target.until(() => sinks.target.taken.includes("6"));
    expect(sinks.target.taken).toEqual(["1", "2", "x", "6"]);
  });

  test("with a kept state go on where the target was last written", async () => {
    const name = newName();
    await sinks.fluvio.admin().createSmartModule(name, await buildAs("aggregate"));
    const topic = await topicWith(["1", "2", "3"]);
    const own = config(topic, {}, { transforms: [{ uses: name, with: {}, state: "totals" }] });
    const first = start(own);
    await sinks.target.until(() => sinks.target.taken.length === 3);
    await first.stop();
    await produce(topic, ["4"]);
    sinks.target.answer = () => status(500);
    const second = start(own);
    await second.until(() => second.troubles.length > 0);
    await second.stop();
    sinks.target.answer = () => ok;
    const third = start(own);
    await sinks.target.until(() => sinks.target.taken.length === 4);
    expect(sinks.target.taken).toEqual(["1", "3", "6", "10"]);

    await produce(topic, ["x"]);
    await expect(third.done).rejects.toMatchObject({
      code: "FLV_CONNECTOR_STOPPED",
      message: expect.stringContaining("invalid digit found in string"),
      hint: expect.stringContaining("cannot leave a record out"),
    });
  });
});
