import { createServer, connect as dial, type Server, type Socket } from "node:net";
import { describe, expect, test } from "vitest";
import { buildAs } from "../../../tests/fixtures/build-as.ts";
import type { Position, SourceContext } from "../../fluvio/src/connector/define.ts";
import { RunningConnector, useConnectors } from "./connectors.ts";
import { Feed, sourceOf, stopped } from "./definitions.ts";

/** The framework of sources, with sources that need no other system. */
const connectors = useConnectors();
const { config, start, stored, topicWith } = connectors;
const admin = () => connectors.fluvio.admin();
const valuesIn = async (topic: string) => (await stored(topic)).map(({ value }) => value);

/** Counts from behind its position up to `last`, with a checkpoint after each, and ends. */
const counting = (last: number) =>
  sourceOf(async ({ position, send, checkpoint }) => {
    for (let n = Number(position ?? 0) + 1; n <= last; n++) {
      await send({ value: String(n) });
      checkpoint({ position: n });
    }
  });

test("what a source has no use for is in its log", async () => {
  const more = { producer: { linger: "1ms" }, consumer: { id: "x" } };
  const source = start(counting(1), config("scripted", await topicWith([]), { "fluvio-partition": "0" }, more));
  await source.done;
  const told = source.lines.filter(({ message }) => message === "this is not used by a source");
  expect(told.map(({ details }) => details.key)).toEqual(["consumer", "parameters.fluvio-partition"]);
});

describe("a position", () => {
  test("is none at first, then the last one of the run before; a restart goes on there", async () => {
    const own = config("scripted", await topicWith([]));
    const seen: (Position | undefined)[] = [];
    const noting = sourceOf(async (context) => {
      seen.push(context.position);
      context.checkpoint({ position: { at: [1, "two", null] } });
      await context.flush();
    });
    await start(noting, own).done;
    await start(noting, own).done;
    expect(seen).toEqual([undefined, { at: [1, "two", null] }]);
    const other = config("scripted", own.topic);
    await start(counting(5), other).done;
    await start(counting(8), other).done;
    expect(await valuesIn(own.topic)).toEqual(["1", "2", "3", "4", "5", "6", "7", "8"]);
    expect(await admin().connectorPosition(other.name)).toMatchObject({ name: other.name, position: 8 });
    const names = (await admin().connectorPositions()).map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining([own.name, other.name]));
    expect(names).toEqual([...names].sort());
  });

  test("is told as stored in order, when the records before it are in the topic and it is kept", async () => {
    const own = config("scripted", await topicWith([]), {}, { producer: { linger: "5ms" } });
    const told: [number, number, unknown][] = [];
    const source = sourceOf(async (context) => {
      for (let n = 1; n <= 50; n++) {
        await context.send({ value: String(n) });
        const tell = async () => {
          const inTopic = (await stored(own.topic)).length;
          told.push([n, inTopic, (await admin().connectorPosition(own.name))?.position]);
        };
        context.checkpoint({ position: n, stored: n % 10 === 0 ? tell : () => {} });
      }
    });
    await start(source, own).done;
    expect(told.map(([n]) => n)).toEqual([10, 20, 30, 40, 50]);
    for (const [n, inTopic, position] of told) {
      expect(inTopic).toBeGreaterThanOrEqual(n);
      expect(position).toBeGreaterThanOrEqual(n);
    }
  });

  test("can be read while the source runs, as far as it is kept", async () => {
    let context: SourceContext<Record<string, never>> | undefined;
    const source = sourceOf(async (given) => {
      context = given;
      await new Promise<void>((resolve) => given.checkpoint({ position: 7, stored: resolve }));
      expect(given.position).toBe(7);
    });
    await start(source, config("scripted", await topicWith([]))).done;
    expect(context?.position).toBe(7);
  });

  test("checkpoints hurry no record: the linger of the producer stays", async () => {
    const own = config("scripted", await topicWith([]), {}, { producer: { linger: "1h" } });
    const told: number[] = [];
    let allSent = (): void => {};
    const sent = new Promise<void>((resolve) => {
      allSent = resolve;
    });
    const source = start(
      sourceOf(async ({ send, checkpoint, signal }) => {
        for (let n = 0; n < 5; n++) {
          await send({ value: String(n) });
          checkpoint({ stored: () => void told.push(n) });
        }
        await new Promise(setImmediate);
        expect(told).toEqual([]);
        allSent();
        await stopped(signal);
      }),
      own,
    );
    await sent;
    await source.stop();
    expect(told).toEqual([0, 1, 2, 3, 4]);
    expect(await valuesIn(own.topic)).toEqual(["0", "1", "2", "3", "4"]);
  });

  test("that is too large ends the source with the sizes", async () => {
    const own = config("scripted", await topicWith([]));
    const failing = start(
      sourceOf(async ({ checkpoint, signal }) => {
        checkpoint({ position: "x".repeat(65_535) });
        await stopped(signal);
      }),
      own,
    );
    await expect(failing.done).rejects.toMatchObject({
      code: "FLV_CONNECTOR_POSITION",
      message: `The position of connector ${own.name} has 65537 bytes, 65536 are allowed`,
    });
  });

  test("of two connectors of one name is that of the later one: the other ends at its next checkpoint", async () => {
    const own = config("scripted", await topicWith([]));
    const feeds = [new Feed<number>(), new Feed<number>()] as const;
    const fed = (feed: Feed<number>) =>
      sourceOf(async ({ checkpoint, signal }) => {
        for (let n = await feed.next(signal); n !== undefined; n = await feed.next(signal)) {
          const position = n;
          const kept = new Promise<void>((stored) => checkpoint({ position, stored }));
          await Promise.race([kept, stopped(signal)]);
        }
      });
    const first = start(fed(feeds[0]), own);
    feeds[0].push(1);
    const kept = async () => (await admin().connectorPosition(own.name))?.position;
    await expect.poll(kept).toBe(1);
    start(fed(feeds[1]), own);
    feeds[1].push(2);
    await expect.poll(kept).toBe(2);
    feeds[0].push(3);
    await expect(first.done).rejects.toMatchObject({
      code: "FLV_CONNECTOR_POSITION",
      message: `The position of connector ${own.name} was reset, or another connector of this name keeps its own`,
    });
    expect(await kept()).toBe(2);
  });

  test("that was reset is not brought back by a source that runs on: it ends, and begins anew", async () => {
    const own = config("scripted", await topicWith([]));
    const feed = new Feed<number>();
    const running = start(
      sourceOf(async ({ checkpoint, signal }) => {
        for (let n = await feed.next(signal); n !== undefined; n = await feed.next(signal)) checkpoint({ position: n });
      }),
      own,
    );
    feed.push(1);
    await expect.poll(async () => (await admin().connectorPosition(own.name))?.position).toBe(1);
    expect(await admin().resetConnectorPosition(own.name)).toMatchObject({ position: 1 });
    expect(await admin().resetConnectorPosition(own.name)).toBeUndefined();
    feed.push(2);
    await expect(running.done).rejects.toMatchObject({ code: "FLV_CONNECTOR_POSITION" });
    await start(counting(2), own).done;
    expect(await valuesIn(own.topic)).toEqual(["1", "2"]);
  });

  test("a `stored` that throws ends the source with its error", async () => {
    const failing = start(
      sourceOf(async ({ checkpoint, signal }) => {
        checkpoint({ stored: () => Promise.reject(new Error("the system forgot us")) });
        await stopped(signal);
      }),
      config("scripted", await topicWith([])),
    );
    await expect(failing.done).rejects.toThrow("the system forgot us");
  });

  test("is kept by a cluster that hung up when it was asked for the one before, as it went away and came back", async () => {
    await using cluster = await originalCluster(connectors.endpoint, 1);
    const own = config("scripted", await topicWith([]));
    const source = new RunningConnector(counting(3), own, cluster.endpoint);
    await source.done;
    expect((await admin().connectorPosition(own.name))?.position).toBe(3);
  });

  test("on a cluster that keeps none, the source runs from the start each time, and says so once", async () => {
    await using cluster = await originalCluster(connectors.endpoint);
    const own = config("scripted", await topicWith([]));
    for (const run of [1, 2]) {
      const source = new RunningConnector(counting(3), own, cluster.endpoint);
      await source.done;
      const warnings = source.lines.filter(({ level }) => level === "warn").map(({ message }) => message);
      expect(warnings, `run ${run}`).toEqual(["the position is not kept: a restart begins anew"]);
    }
    expect(await valuesIn(own.topic)).toEqual(["1", "2", "3", "1", "2", "3"]);
  });
});

/**
 * Passes everything on to a real cluster but what the original does not know: there it hangs up, as the original does.
 * @param hangUpsMax after so many it passes that on too
 */
async function originalCluster(endpoint: string, hangUpsMax = Number.POSITIVE_INFINITY) {
  const [host = "", port] = endpoint.split(":");
  let hangUps = 0;
  const sockets = new Set<Socket>();
  const server: Server = createServer((client) => {
    const upstream = dial({ host, port: Number(port) });
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        client.destroy();
        upstream.destroy();
      });
    }
    let waiting = Buffer.alloc(0);
    client.on("data", (bytes) => {
      waiting = Buffer.concat([waiting, bytes]);
      // a frame is its length, then the key of the API
      while (waiting.length >= 6 && waiting.length >= 4 + waiting.readInt32BE(0)) {
        const frame = waiting.subarray(0, 4 + waiting.readInt32BE(0));
        waiting = waiting.subarray(frame.length);
        if (frame.readInt16BE(4) >= 30_000 && hangUps++ < hangUpsMax) return void client.destroy();
        upstream.write(frame);
      }
    });
    upstream.pipe(client);
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const address = server.address();
  return {
    endpoint: `127.0.0.1:${typeof address === "object" ? address?.port : 0}`,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((closed) => server.close(closed));
    },
  };
}

describe("a record that cannot be sent", () => {
  const sending = (values: readonly string[]) =>
    sourceOf(async ({ send, checkpoint }) => {
      for (const [index, value] of values.entries()) await send({ key: `k${index}`, value });
      checkpoint({ position: "all" });
    });
  const halving = async (onError: Record<string, string>) => {
    const name = connectors.newName();
    await admin().createSmartModule(name, await buildAs("filter-map"));
    return config("scripted", await topicWith([]), { "filter-map": name, ...onError });
  };
  const letters = async (name: string) =>
    (await stored(`${name}-dead-letter`)).map(({ key, value }) => ({
      key,
      ...(JSON.parse(value) as { readonly value: string }),
    }));

  test("because a SmartModule refuses it is skipped by default: in the log, counted, and the rest goes on", async () => {
    const own = await halving({});
    const source = start(sending(["2", "x", "6"]), own);
    await source.done;
    expect(await valuesIn(own.topic)).toEqual(["1", "3"]);
    const line = source.lines.find(({ message }) => message === "record skipped: it cannot be sent");
    expect(line?.details).toMatchObject({
      topic: own.topic,
      stage: "smartmodule",
      value: new Uint8Array(Buffer.from("x")),
    });
    expect(source.counters.recordErrors).toBe(1);
    expect((await admin().connectorPosition(own.name))?.position).toBe("all");
  });

  test("because a SmartModule refuses it is in the dead-letter topic before the position is kept", async () => {
    const own = await halving({ "on-error": "dead-letter" });
    await start(sending(["2", "x", "6", "y"]), own).done;
    expect(await valuesIn(own.topic)).toEqual(["1", "3"]);
    const found = await letters(own.name);
    expect(found).toMatchObject([
      {
        key: "k1",
        connector: own.name,
        topic: own.topic,
        partition: null,
        offset: null,
        stage: "smartmodule",
        value: "x",
      },
      { key: "k3", value: "y" },
    ]);
    expect((await admin().connectorPosition(own.name))?.position).toBe("all");
  });

  test("because a SmartModule refuses it ends the source with `stop`, and the position stays before it", async () => {
    const own = await halving({ "on-error": "stop" });
    await expect(start(sending(["2", "x", "6"]), own).done).rejects.toMatchObject({
      code: "FLV_CONNECTOR_STOPPED",
      message: expect.stringContaining(`A record for ${own.topic} cannot be sent, and \`on-error\` is \`stop\``),
      details: { value: new Uint8Array(Buffer.from("x")), key: new Uint8Array(Buffer.from("k1")) },
    });
    expect(await admin().connectorPosition(own.name)).toBeUndefined();
  });

  const huge = "x".repeat(16 * 1024 * 1024 + 1);
  const tooLarge = /^record size \(16777219 bytes\), exceeded maximum request size \(16777216 bytes\)$/;

  test("because it is too large is skipped by default", async () => {
    const own = config("scripted", await topicWith([]));
    const source = start(sending(["a", huge, "b"]), own);
    await source.done;
    expect(await valuesIn(own.topic)).toEqual(["a", "b"]);
    const line = source.lines.find(({ message }) => message === "record skipped: it cannot be sent");
    expect(line?.details).toMatchObject({ stage: "send", reason: expect.stringMatching(tooLarge) });
    expect(source.counters).toMatchObject({ records: 2, recordErrors: 1 });
  });

  test("because the topic's segments are smaller is skipped too, and smaller ones are sent", async () => {
    const topic = await admin().createTopic(`${connectors.newName()}-small`, { segmentSizeBytes: 2048 });
    const values = ["a", "b".repeat(1800), "c".repeat(2048), "d".repeat(600), "e".repeat(600), "f".repeat(600), "g"];
    const source = start(sending(values), config("scripted", topic));
    await source.done;
    expect(await valuesIn(topic)).toEqual(values.filter((value) => !value.startsWith("c")));
    expect(source.counters).toMatchObject({ records: 6, recordErrors: 1 });
  });

  test("because it is too large is in the dead-letter topic with its beginning, or ends the source", async () => {
    const own = config("scripted", await topicWith([]), { "on-error": "dead-letter" });
    await start(sending(["a", `\u0001${huge.slice(1)}`, "b"]), own).done;
    expect(await valuesIn(own.topic)).toEqual(["a", "b"]);
    const [letter] = await letters(own.name);
    expect(letter).toMatchObject({ key: "k1", stage: "send", reason: expect.stringMatching(tooLarge) });
    const escaped = "\u0001".repeat(6 * 1024 * 1024);
    const many = config("scripted", own.topic, { "on-error": "dead-letter" });
    await start(sending(["a", escaped.repeat(3)]), many).done;
    const [cut] = await letters(many.name);
    expect(cut).toMatchObject({ valueSizeBytes: 3 * escaped.length });
    expect(cut?.value).toHaveLength(1024 * 1024);
    const stopping = config("scripted", own.topic, { "on-error": "stop" });
    await expect(start(sending([huge]), stopping).done).rejects.toMatchObject({ code: "FLV_CONNECTOR_STOPPED" });
  });
});
