import { describe, expect, test } from "vitest";
import { useConnectors } from "./connectors.ts";
import { sinkOf } from "./definitions.ts";

/** Sinks of which two run at the same time, as by hand in two terminals. */
const connectors = useConnectors();
const { produce, start, topicWith } = connectors;
const configOf = (topic: string, consumer = {}) =>
  connectors.config("scripted-sink", topic, {}, { consumer: { offset: { start: "beginning" }, ...consumer } });

/** A target that several runs write to. */
function newTarget() {
  const values: string[] = [];
  const gates: Promise<void>[] = [];
  const sink = sinkOf(({ deliver }) =>
    deliver(
      async ({ records }) => {
        const gate = gates.shift();
        await gate;
        values.push(...records.map(({ value }) => Buffer.from(value).toString()));
      },
      { recordsMax: 10 },
    ),
  );
  /** The next write waits until the returned function is called. */
  const holdNext = () => {
    let release = (): void => {};
    gates.push(new Promise((resolve) => (release = resolve)));
    return { release, isTaken: () => gates.length === 0 };
  };
  return { values, sink, holdNext };
}

const storedOffset = async (consumerId: string) =>
  (await connectors.fluvio.consumerOffsets({ consumerId })).map(({ offset }) => offset);
const REPLACED = { code: "FLV_CONNECTOR_POSITION", hint: expect.stringContaining("one sink of a name at a time") };

describe("of two runs of one sink", () => {
  test("the later one goes on where the first one was, and that ends with the reason", async () => {
    const target = newTarget();
    const own = configOf(await topicWith(["a", "b"]));
    const first = start(target.sink, own);
    await expect.poll(() => storedOffset(own.name)).toEqual([1]);
    const second = start(target.sink, own);
    await expect(first.done).rejects.toMatchObject({
      ...REPLACED,
      message: `Another run of the sink ${own.name} was started and has taken its place`,
    });
    expect(second.lines).toContainEqual(
      expect.objectContaining({ level: "warn", message: expect.stringContaining("takes the place of another one") }),
    );
    await produce(own.topic, ["c"]);
    await expect.poll(() => storedOffset(own.name)).toEqual([2]);
    expect(target.values).toEqual(["a", "b", "c"]);
    await second.stop();
    // it has said that it ended: the next one takes nobody's place
    const third = start(target.sink, own);
    await produce(own.topic, ["d"]);
    await expect.poll(() => target.values).toEqual(["a", "b", "c", "d"]);
    expect(third.lines.filter(({ level }) => level === "warn")).toEqual([]);
  });

  test("the first one does not store what it had in hand: the position never goes back, and nothing is lost", async () => {
    const target = newTarget();
    const own = configOf(await topicWith(["a"]));
    const held = target.holdNext();
    const first = start(target.sink, own);
    await expect.poll(held.isTaken).toBe(true);
    start(target.sink, own);
    await produce(own.topic, ["b", "c"]);
    await expect.poll(() => storedOffset(own.name)).toEqual([2]);
    held.release();
    await expect(first.done).rejects.toMatchObject(REPLACED);
    expect(await storedOffset(own.name)).toEqual([2]);
    expect(new Set(target.values)).toEqual(new Set(["a", "b", "c"]));
  });

  test("both go on when they read other partitions, have other consumer ids, or store nothing", async () => {
    const topic = await topicWith(["a", "b"], 2);
    const target = newTarget();
    const offset = { start: "beginning" };
    const runs = [
      configOf(topic, { id: "shared", partition: "0" }),
      configOf(topic, { id: "shared", partition: "1" }),
      ...["one", "two"].map((id) => ({ ...configOf(topic, { id }), name: "same" })),
      ...[0, 1].map(() => ({ ...configOf(topic, { offset: { ...offset, strategy: "none" } }), name: "same" })),
    ].map((own) => start(target.sink, own));
    await expect.poll(() => target.values.length).toBe(10);
    await produce(topic, ["c", "d"]);
    await expect.poll(() => target.values.length).toBe(20);
    expect(runs.map(({ failure }) => failure)).toEqual(runs.map(() => undefined));
  });
});
