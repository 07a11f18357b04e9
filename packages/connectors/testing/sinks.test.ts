import { describe, expect, test } from "vitest";
import { buildAs } from "../../../tests/fixtures/build-as.ts";
import type { SinkGroup, SinkPosition } from "../../fluvio/src/connector/define.ts";
import { recordsRefused, tryLater } from "../../fluvio/src/connector/run/write-errors.ts";
import { useConnectors } from "./connectors.ts";
import { sinkOf } from "./definitions.ts";

/** The framework of sinks, with sinks that need no other system. */
const connectors = useConnectors();
const { produce, start, stored, topicWith } = connectors;
const config = (topic: string, parameters: Record<string, string> = {}) =>
  connectors.config("scripted-sink", topic, parameters);
const admin = () => connectors.fluvio.admin();
const textOf = (value: Uint8Array) => Buffer.from(value).toString();

/** A target that commits rows together with their positions, or neither. */
class Table {
  rows: string[] = [];
  readonly positions = new Map<number, number>();
  #wake: () => void = () => {};

  get known(): readonly SinkPosition[] {
    return [...this.positions].sort().map(([partition, offset]) => ({ partition, offset }));
  }

  commit(rows: readonly string[], { positions }: Pick<SinkGroup, "positions">): void {
    this.rows.push(...rows);
    for (const { partition, offset } of positions) this.positions.set(partition, offset);
    this.#wake();
  }

  async reaches(count: number): Promise<void> {
    while (this.rows.length < count) await new Promise<void>((resolve) => (this.#wake = resolve));
  }
}

/** Writes into the table as exactly-once sinks do. What is in `poison` it never takes. */
const intoTable = (table: Table, poison: ReadonlySet<string> = new Set(), recordsMax = 100) =>
  sinkOf(({ deliver }) =>
    deliver(
      async (group) => {
        const rows: string[] = [];
        for (const record of group.records) {
          if (poison.has(textOf(record.value))) group.refuse(record, `no ${textOf(record.value)} here`);
          else rows.push(textOf(record.value));
        }
        await group.settleRefused();
        table.commit(rows, group);
      },
      { recordsMax, positions: table.known },
    ),
  );
const storedOffset = async (consumerId: string) =>
  (await connectors.fluvio.consumerOffsets({ consumerId })).map(({ partition, offset }) => ({ partition, offset }));

describe("a target that keeps the positions itself", () => {
  test("is read on from behind them, whatever the cluster has stored; other partitions as the cluster has", async () => {
    const topic = await topicWith(["a", "b", "c", "d", "e", "f"], 2);
    const own = config(topic);
    const table = new Table();
    const first = start(intoTable(table), own);
    await table.reaches(6);
    await first.stop();
    const whole = [...table.positions];
    expect(await storedOffset(own.name)).toEqual(table.known);

    // the target is a backup of before: what came after it is written again
    const restored = new Table();
    const [partition, offset] = whole[0] as [number, number];
    restored.positions.set(partition, offset - 2);
    const second = start(intoTable(restored), own);
    await restored.reaches(2);
    await produce(topic, ["g"]);
    await restored.reaches(3);
    await second.stop();
    expect(new Set(restored.rows).size).toBe(3);
    expect(restored.rows).toContain("g");

    // the cluster missed what was committed last: nothing is written twice
    const ahead = new Table();
    for (const [at, end] of restored.positions) ahead.positions.set(at, end);
    await connectors.fluvio.deleteConsumerOffset(own.name, topic, partition);
    const third = start(intoTable(ahead), own);
    await produce(topic, ["h", "i"]);
    await ahead.reaches(2);
    await third.stop();
    expect([...ahead.rows].sort()).toEqual(["h", "i"]);
  });

  test("and is ahead of the topic, which was made anew: that is an error, not a loss", async () => {
    const topic = await topicWith(["a"]);
    const table = new Table();
    table.positions.set(0, 7);
    await expect(start(intoTable(table), config(topic)).done).rejects.toMatchObject({
      code: "FLV_CONSUMER_OFFSET",
      message: `${topic}-0 ends at offset 1, but is said to be worked off up to offset 7`,
    });
  });

  test.each(["skip", "dead-letter"])("refused records are dealt with before the commit: %s", async (policy) => {
    const own = config(await topicWith(["a", "bad", "c"]), { "on-error": policy });
    const table = new Table();
    const sink = start(intoTable(table, new Set(["bad"])), own);
    await table.reaches(2);
    expect(table.rows).toEqual(["a", "c"]);
    expect(table.known).toEqual([{ partition: 0, offset: 2 }]);
    if (policy === "dead-letter") {
      const [letter] = await stored(`${own.name}-dead-letter`);
      expect(JSON.parse(letter?.value ?? "")).toMatchObject({ offset: 1, value: "bad", reason: "no bad here" });
    }
    await sink.stop();
    expect(sink.counters).toMatchObject({ records: 2, recordErrors: 1 });
  });

  test("`stop` ends it before anything of the group is committed", async () => {
    const table = new Table();
    const own = config(await topicWith(["a", "bad", "c"]), { "on-error": "stop" });
    await expect(start(intoTable(table, new Set(["bad"])), own).done).rejects.toMatchObject({
      code: "FLV_CONNECTOR_STOPPED",
    });
    expect(table.rows).toEqual([]);
  });

  test("`retry` commits nothing of the group until the target takes all of it", async () => {
    const table = new Table();
    const poison = new Set(["bad"]);
    const sink = start(intoTable(table, poison), config(await topicWith(["a", "bad", "c"])));
    await sink.until(() => sink.troubles.includes("cannot write, trying again: no bad here"));
    expect(table.rows).toEqual([]);
    poison.clear();
    await table.reaches(3);
    expect(table.rows).toEqual(["a", "bad", "c"]);
    await sink.until(() => sink.troubles.at(-1) === "");
  });
});

describe("a group that is refused as a whole", () => {
  /** Commits groups without `bad` records; the others it refuses. */
  const strict = (table: Table, seen: (readonly [string, readonly SinkPosition[]])[]) =>
    sinkOf(({ deliver }) =>
      deliver(
        async (group) => {
          const rows = group.records.map(({ value }) => textOf(value));
          seen.push([rows.join(""), group.positions.map(({ partition, offset }) => ({ partition, offset }))]);
          if (rows.includes("x")) throw recordsRefused("it has an x");
          table.commit(rows, group);
        },
        { recordsMax: 8 },
      ),
    );

  test("is written in halves, each with its own positions", async () => {
    const table = new Table();
    const seen: (readonly [string, readonly SinkPosition[]])[] = [];
    const own = config(await topicWith(["a", "b", "c", "x", "e", "f"]), { "on-error": "skip" });
    const sink = start(strict(table, seen), own);
    await table.reaches(5);
    await sink.stop();
    const upTo = (offset: number) => [{ partition: 0, offset }];
    expect(seen).toEqual([
      ["abcxef", upTo(5)],
      ["abc", upTo(2)],
      ["xef", upTo(5)],
      ["x", upTo(3)],
      ["ef", upTo(5)],
    ]);
    expect(await storedOffset(own.name)).toEqual(upTo(5));
  });

  test.each([
    ["skip", "abcef", 1],
    ["dead-letter", "abcef", 1],
  ] as const)("%s: the others are written, in order", async (policy, rows, errors) => {
    const table = new Table();
    const own = config(await topicWith([..."abcxef"]), { "on-error": policy });
    const sink = start(strict(table, []), own);
    await table.reaches(5);
    await sink.stop();
    expect(table.rows.join("")).toBe(rows);
    expect(sink.counters.recordErrors).toBe(errors);
    const letters = policy === "skip" ? [] : await stored(`${own.name}-dead-letter`);
    expect(letters.map(({ key }) => key)).toEqual(policy === "skip" ? [] : ["k3"]);
  });

  test("stop: what comes before the record is written, and nothing behind it", async () => {
    const table = new Table();
    const own = config(await topicWith([..."abcxef"]), { "on-error": "stop" });
    await expect(start(strict(table, []), own).done).rejects.toMatchObject({
      code: "FLV_CONNECTOR_STOPPED",
      details: { offset: 3 },
    });
    expect(table.rows.join("")).toBe("abc");
  });

  test("retry: a record that is taken after all moves the positions of the target too", async () => {
    const table = new Table();
    let refusals = 3;
    const sink = start(
      sinkOf(({ deliver }) =>
        deliver(async (group) => {
          if (refusals-- > 0) throw recordsRefused("not yet");
          table.commit(["taken"], group);
        }),
      ),
      config(await topicWith(["a"])),
    );
    await table.reaches(1);
    await sink.stop();
    expect(table.known).toEqual([{ partition: 0, offset: 0 }]);
  });

  test("retry: what comes behind the record waits for it", async () => {
    const table = new Table();
    const own = config(await topicWith([..."abcxef"]));
    const sink = start(strict(table, []), own);
    await sink.until(() => sink.troubles.includes("cannot write, trying again: it has an x"));
    expect(table.rows.join("")).toBe("abc");
    await sink.stop();
    const again = start(intoTable(table), own);
    await table.reaches(6);
    await again.stop();
    expect(table.rows.join("")).toBe("abcxef");
  });
});

describe("what SmartModules drop", () => {
  test("moves the stored position on, even when nothing is left to write", async () => {
    const name = connectors.newName();
    await admin().createSmartModule(name, await buildAs("filter"));
    const topic = await topicWith(["plum", "cherry", "lemon"]);
    const own = config(topic, { filter: name });
    const table = new Table();
    const sink = start(intoTable(table), own);
    await expect.poll(() => storedOffset(own.name)).toEqual([{ partition: 0, offset: 2 }]);
    await produce(topic, ["apple", "lime"]);
    await table.reaches(1);
    await expect.poll(() => storedOffset(own.name)).toEqual([{ partition: 0, offset: 4 }]);
    await sink.stop();
    expect(table.rows).toEqual(["apple"]);
    expect(table.known).toEqual([{ partition: 0, offset: 4 }]);
  });
});

describe("what SmartModules refuse", () => {
  test("moves the positions of the target too: the next run does not put it aside again", async () => {
    const name = connectors.newName();
    await admin().createSmartModule(name, await buildAs("filter-map"));
    const own = config(await topicWith(["2", "4", "x"]), { "filter-map": name, "on-error": "dead-letter" });
    const letters = () => stored(`${own.name}-dead-letter`);
    const table = new Table();
    const first = start(intoTable(table), own);
    await expect.poll(() => table.known).toEqual([{ partition: 0, offset: 2 }]);
    expect(await letters()).toHaveLength(1);
    await first.stop();
    const second = start(intoTable(table), own);
    await produce(own.topic, ["6"]);
    await table.reaches(3);
    await second.stop();
    expect(table.rows).toEqual(["1", "2", "3"]);
    expect(await letters()).toHaveLength(1);
  });
});

test("with the strategy `auto` the position is stored when the period is over, also when no more records come", async () => {
  const offset = { start: "beginning", strategy: "auto" as const, "flush-period": "300ms" };
  const own = { ...config(await topicWith(["a", "b"])), consumer: { offset } };
  const sink = start(
    sinkOf(({ deliver }) => deliver(async () => {})),
    own,
  );
  await sink.until(() => sink.messages.some(({ type }) => type === "running"));
  await expect.poll(() => storedOffset(own.name)).toEqual([{ partition: 0, offset: 1 }]);
  await sink.stop();
});

describe("a target that is slow", () => {
  test("is given one group at a time, while what comes meanwhile waits in the cluster", async () => {
    const topic = await topicWith(["a"]);
    let release = (): void => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const table = new Table();
    let writing = 0;
    const sink = start(
      sinkOf(({ deliver }) =>
        deliver(
          async (group) => {
            expect(++writing).toBe(1);
            await held;
            writing--;
            table.commit(
              group.records.map(({ value }) => textOf(value)),
              group,
            );
          },
          { recordsMax: 1000 },
        ),
      ),
      config(topic),
    );
    await produce(topic, ["b", "c", "d"]);
    release();
    await table.reaches(4);
    expect(table.rows).toEqual(["a", "b", "c", "d"]);
    await sink.stop();
  });

  test("and asks for time: it is left alone that long, and the state says why until it works", async () => {
    const table = new Table();
    let refusals = 2;
    const sink = start(
      sinkOf(({ deliver }) =>
        deliver(async (group) => {
          if (refusals-- > 0) throw tryLater("at capacity", { afterMs: 40 });
          table.commit(["done"], group);
        }),
      ),
      config(await topicWith(["a"])),
    );
    await table.reaches(1);
    await sink.until(() => sink.troubles.at(-1) === "");
    expect(sink.troubles).toEqual(["cannot write, trying again: at capacity", ""]);
    const pauses = sink.lines.filter(({ message }) => message === "cannot write, trying again");
    expect(pauses.map(({ details }) => details.retryInMs)).toEqual([40, 40]);
  });
});
