import { gzipSync } from "node:zlib";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { buildAs } from "../../../../../tests/fixtures/build-as.ts";
import {
  AGGREGATE_STATE_TOPIC,
  GENERIC_KIND,
  type SmartModuleInvocationInput,
  type StreamFetchRequestInput,
  type StreamFetchResponse,
  updateOffsetsApi,
} from "../../protocol/index.ts";
import type { Connection } from "../../transport/index.ts";
import type { AggregateStateCommit, AggregateStateEntry, LinkReply } from "../link.ts";
import { AGGREGATE_STATE_RECORDS, chainStateOf, encodeModules } from "./aggregate-state-record.ts";
import { batchOf, nextReply, produceTo, recordsOf, startSpu, streamFrom, type TestSpu } from "./testing/harness.ts";

const TOPIC = "numbers";
const TEXT = new TextDecoder();

describe("the state of an aggregate that has a name", () => {
  let spu: TestSpu;
  let connection: Connection;
  let wasm: Uint8Array;
  beforeAll(async () => {
    wasm = await buildAs("aggregate");
  });
  beforeEach(async () => {
    spu = await startSpu();
    await begin();
  });
  afterEach(() => spu[Symbol.asyncDispose]());

  async function begin(): Promise<void> {
    spu.sc.modules.set("sum", wasm);
    spu.sc.modules.set("keep-all", await buildAs("keep-all"));
    await spu.sc.assign(TOPIC);
    await spu.sc.assign(AGGREGATE_STATE_TOPIC);
    connection = await spu.connect();
  }
  async function restart(): Promise<void> {
    spu = await spu.restart();
    await begin();
  }
  const produce = (...values: string[]) => produceTo(connection, { topic: TOPIC, entries: [batchOf(values)] });
  const sum = (state: string, more: Record<string, string> = {}): SmartModuleInvocationInput => ({
    wasm: { type: "predefined", name: "sum" },
    kind: GENERIC_KIND,
    params: new Map(Object.entries({ "fluvio.state": state, ...more })),
  });
  const open = (request: Partial<StreamFetchRequestInput> = {}, on = connection) =>
    streamFrom(on, { topic: TOPIC, smartmodules: [sum("total")], ...request });
  const valuesOf = (reply: StreamFetchResponse) => recordsOf(reply.partition.records).map(({ value }) => value);
  async function acknowledge(reply: StreamFetchResponse, offset = reply.partition.nextFilterOffset, on = connection) {
    const { status } = await on.request(updateOffsetsApi, { offsets: [{ offset, sessionId: reply.streamId }] });
    return status[0]?.error;
  }
  async function states(): Promise<readonly AggregateStateEntry[]> {
    const reply = await spu.sc.request({ kind: "listAggregateStates", name: undefined, topic: undefined });
    if (!reply.ok) throw new Error(reply.message);
    return reply.value as readonly AggregateStateEntry[];
  }
  const accumulators = async () =>
    (await states()).map(({ name, offset, modules }) => [
      name,
      offset,
      ...[...chainStateOf(modules).values()].map(({ accumulator }) => TEXT.decode(accumulator)),
    ]);

  it("is kept with the acknowledgement of a reply, and a later stream goes on there wherever it would start", async () => {
    await produce("1", "2", "3");
    const reply = await nextReply(open());
    expect(valuesOf(reply)).toEqual(["1", "3", "6"]);
    expect(await accumulators()).toEqual([]);
    expect(await acknowledge(reply)).toEqual({ name: "None" });
    expect(await accumulators()).toEqual([["total", 3, "6"]]);
    connection.close();
    await restart();
    expect(await accumulators()).toEqual([["total", 3, "6"]]);
    await produce("10", "20");
    const later = await nextReply(open({ fetchOffset: 0 }));
    expect(valuesOf(later)).toEqual(["16", "36"]);
    expect(recordsOf(later.partition.records).map(({ offset }) => offset)).toEqual([3, 4]);
    expect((await acknowledge(later))?.name).toBe("None");
    expect(await accumulators()).toEqual([["total", 5, "36"]]);
  });

  it("does not count a reply that was not acknowledged: it is made once more", async () => {
    await produce("1", "2");
    expect(valuesOf(await nextReply(open()))).toEqual(["1", "3"]);
    connection.close();
    connection = await spu.connect();
    const again = await nextReply(open());
    expect(valuesOf(again)).toEqual(["1", "3"]);
    await acknowledge(again);
    expect(await accumulators()).toEqual([["total", 2, "3"]]);
  });

  it("begins at the offset of the request when nothing is kept", async () => {
    await produce("100", "1", "2");
    const reply = await nextReply(open({ fetchOffset: 1 }));
    expect(valuesOf(reply)).toEqual(["1", "3"]);
  });

  it("is refused to a second stream, and free as soon as the first one's connection is gone", async () => {
    await produce("1");
    const first = await spu.connect();
    const taken = await nextReply(open({}, first));
    const refused = await nextReply(open());
    expect(refused.partition.errorCode).toMatchObject({
      name: "Other",
      message: expect.stringMatching(/^Aggregate state err The state total of numbers-0 is in use by another consumer/),
    });
    // other names, and streams without one, are not in its way
    const other = await nextReply(open({ smartmodules: [sum("other")] }));
    expect(valuesOf(other)).toEqual(["1"]);
    const pending = acknowledge(taken, undefined, first);
    await pending;
    first.close();
    await produce("5");
    let reply = await nextReply(open());
    while (reply.partition.errorCode.name !== "None") reply = await nextReply(open());
    expect(valuesOf(reply)).toEqual(["6"]);
  });

  it("is free when its stream is ended by the client", async () => {
    await produce("1");
    const reply = await nextReply(open());
    await acknowledge(reply, -2);
    expect(valuesOf(await nextReply(open()))).toEqual(["1"]);
  });

  it("takes no other offset than the reply's", async () => {
    await produce("1", "2");
    const stream = open();
    const reply = await nextReply(stream);
    expect(await acknowledge(reply, 1)).toMatchObject({ name: "Other", message: expect.stringContaining("is at 2") });
    expect(await accumulators()).toEqual([]);
    expect(await acknowledge(reply)).toEqual({ name: "None" });
    // once more does no harm
    expect(await acknowledge(reply)).toEqual({ name: "None" });
    await produce("3");
    expect(valuesOf(await nextReply(stream))).toEqual(["6"]);
  });

  it("that is reset ends the stream that works on it; the next one begins anew", async () => {
    await produce("1");
    const stream = open();
    await acknowledge(await nextReply(stream));
    const reset = await spu.sc.request({ kind: "resetAggregateStates", name: "total", topic: TOPIC });
    expect(reset).toMatchObject({ ok: true, value: [{ name: "total", topic: TOPIC, partition: 0, offset: 1 }] });
    expect(await states()).toEqual([]);
    await produce("2");
    const next = await nextReply(stream);
    expect(valuesOf(next)).toEqual(["3"]);
    expect(await acknowledge(next)).toMatchObject({ name: "Other", message: expect.stringContaining("was reset") });
    expect((await nextReply(stream)).partition.errorCode).toMatchObject({
      message: expect.stringContaining("was reset"),
    });
    expect(valuesOf(await nextReply(open()))).toEqual(["1", "3"]);
  });

  it("goes with its topic, and the SC is told", async () => {
    await produce("1");
    await acknowledge(await nextReply(open()));
    spu.sc.send({ type: "statesDeleted", topic: TOPIC });
    await spu.sc.until(() => spu.sc.messages.some(({ type }) => type === "statesForgotten"), "forgotten");
    expect(await states()).toEqual([]);
    await restart();
    expect(await states()).toEqual([]);
  });

  it("has a largest size", async () => {
    await spu[Symbol.asyncDispose]();
    spu = await startSpu({ limits: { stateBytesMax: 40 } });
    await begin();
    await produce("1");
    expect((await acknowledge(await nextReply(open())))?.name).toBe("None");
    const rest = await nextReply(open({ smartmodules: [sum("wide"), sum("wide")] }));
    expect(rest.partition.errorCode).toMatchObject({
      name: "Other",
      message: expect.stringMatching(/^Aggregate state err The state wide of numbers-0 has \d+ bytes, 40 are allowed/),
    });
  });

  it.each([
    {
      name: "what is no aggregate",
      smartmodules: () => [{ ...sum("total"), wasm: { type: "predefined", name: "keep-all" } } as const],
      message: /keep-all has no state to keep: it is no aggregate/,
    },
    {
      name: "two names in one chain",
      smartmodules: () => [sum("one"), sum("two")],
      message: /One chain keeps one state, and one, two are given/,
    },
    {
      name: "a name that is too long",
      smartmodules: () => [sum("n".repeat(30_000))],
      message: /fluvio.state cannot be "n{100}…": a state cannot have this name .*at most 63 of them/,
    },
    { name: "an empty name", smartmodules: () => [sum("")], message: /fluvio.state cannot be ""/ },
    {
      name: "an option that does not exist",
      smartmodules: () => [sum("total", { "fluvio.widow": "1" })],
      message: /fluvio.widow/,
    },
  ])("is refused for $name", async ({ smartmodules, message }) => {
    await produce("1");
    const { partition } = await nextReply(open({ smartmodules: smartmodules() }));
    expect(partition.errorCode).toMatchObject({ name: "Other", message: expect.stringMatching(message) });
    // nothing is held
    expect(valuesOf(await nextReply(open()))).toEqual(["1"]);
  });

  it("may go on with another module: the accumulator is bytes", async () => {
    await produce("1", "2");
    await acknowledge(await nextReply(open()));
    connection.close();
    connection = await spu.connect();
    await produce("4");
    const adHoc = {
      ...sum("total"),
      wasm: { type: "adHoc", payload: gzipSync(await buildAs("aggregate", 3)) },
    } as const;
    const reply = await nextReply(open({ smartmodules: [adHoc] }));
    expect(valuesOf(reply)).toEqual(["7"]);
  });

  it("begins again behind records that were deleted when the client says so, and not before", async () => {
    await spu[Symbol.asyncDispose]();
    let nowMs = 1_700_000_000_000;
    spu = await startSpu({
      clock: {
        nowMs: () => nowMs,
        after: (ms, run) => {
          const timer = setTimeout(run, ms);
          return () => clearTimeout(timer);
        },
      },
      retentionCheckMs: 5,
    });
    spu.sc.modules.set("sum", wasm);
    await spu.sc.assign(TOPIC, 1, { retentionSeconds: 60, segmentSizeBytes: 1024 });
    await spu.sc.assign(AGGREGATE_STATE_TOPIC);
    connection = await spu.connect();
    await produce("1");
    await acknowledge(await nextReply(open()));
    for (let n = 0; n < 30; n++) await produce("2".padEnd(100, " "));
    connection.close();
    nowMs += 3_600_000;
    await spu.sc.until(() => (spu.sc.statuses.get(`${TOPIC}/0`)?.logStartOffset ?? 0) > 1, "evicted");
    connection = await spu.connect();
    const { errorCode } = (await nextReply(open({ fetchOffset: 1 }))).partition;
    expect(errorCode).toMatchObject({ name: "OffsetEvicted", offset: 1 });
    await produceTo(connection, { topic: TOPIC, entries: [batchOf(["5"], { timestampMs: nowMs })] });
    // retention may go on meanwhile
    let why = errorCode;
    let from = 0;
    while (why.name === "OffsetEvicted") {
      from = why.nextAvailable;
      const reply = await nextReply(open({ fetchOffset: from }));
      why = reply.partition.errorCode;
      if (why.name === "None") expect(recordsOf(reply.partition.records)[0]?.offset).toBeGreaterThanOrEqual(from);
    }
    expect(why.name).toBe("None");
    expect(from).toBeGreaterThan(1);
  });

  it("has no place where records are written", async () => {
    for (const [params, what] of [
      [{ "fluvio.state": "total" }, "a state"],
      [{ "fluvio.window": "1000" }, "a window"],
    ] as const) {
      const smartmodules = [{ ...sum("x"), params: new Map<string, string>(Object.entries(params)) }];
      const [answer] = await produceTo(connection, { topic: TOPIC, entries: [batchOf(["1"])], smartmodules });
      expect(answer?.errorCode).toMatchObject({
        name: "Other",
        message: expect.stringContaining(`SmartModule sum cannot have ${what} where records are written`),
      });
    }
  });

  it("is asked for and committed through the SC when another SPU keeps it", async () => {
    await spu[Symbol.asyncDispose]();
    spu = await startSpu();
    spu.sc.modules.set("sum", wasm);
    await spu.sc.assign(TOPIC);
    connection = await spu.connect();
    const commits: AggregateStateCommit[] = [];
    let stored: AggregateStateEntry | undefined;
    spu.sc.forward = async (request): Promise<LinkReply> => {
      if (request.kind === "commitAggregateState") {
        commits.push(request.commit);
        if (commits.length > 2) return { ok: false, message: "The state total is gone" };
        stored = { ...request.commit, modifiedTimeMs: 1 };
      }
      return { ok: true, value: request.kind === "fetchAggregateState" ? stored : undefined };
    };
    await produce("1");
    const stream = open();
    await acknowledge(await nextReply(stream));
    await produce("2");
    await acknowledge(await nextReply(stream));
    expect(commits.map(({ name, offset, previousOffset }) => [name, offset, previousOffset])).toEqual([
      ["total", 1, undefined],
      ["total", 2, 1],
    ]);
    await produce("3");
    const last = await nextReply(stream);
    expect(await acknowledge(last)).toMatchObject({ message: "The state total is gone" });
    expect((await nextReply(stream)).partition.errorCode).toMatchObject({ message: "The state total is gone" });
    // the failed one was not counted
    expect(valuesOf(await nextReply(open()))).toEqual(["6"]);
    expect(await spu.sc.request({ kind: "listAggregateStates", name: undefined, topic: undefined })).toMatchObject({
      ok: false,
    });
  });

  it("has its client look for the leader again when the SC does not answer", async () => {
    await spu[Symbol.asyncDispose]();
    spu = await startSpu({ limits: { scTimeoutMs: 200 } });
    spu.sc.modules.set("sum", wasm);
    await spu.sc.assign(TOPIC);
    connection = await spu.connect();
    await produce("1");
    spu.sc.forward = (request) =>
      request.kind === "fetchAggregateState" ? Promise.resolve({ ok: true, value: undefined }) : new Promise(() => {});
    const stream = open();
    expect((await acknowledge(await nextReply(stream)))?.name).toBe("NotLeaderForPartition");
    expect((await nextReply(stream)).partition.errorCode.name).toBe("NotLeaderForPartition");
    spu.sc.forward = () => new Promise(() => {});
    expect((await nextReply(open())).partition.errorCode.name).toBe("NotLeaderForPartition");
  });

  it("is written anew when the log has grown, and reloaded from there", async () => {
    const stream = open();
    for (let n = 1; n <= 130; n++) {
      await produce("1");
      await acknowledge(await nextReply(stream));
    }
    const { logEndOffset } = spu.sc.statuses.get(`${AGGREGATE_STATE_TOPIC}/0`) ?? { logEndOffset: 0 };
    await restart();
    expect(await accumulators()).toEqual([["total", 130, "130"]]);
    // changes, and at least one checkpoint with its mark
    expect(spu.sc.statuses.get(`${AGGREGATE_STATE_TOPIC}/0`)?.logEndOffset).toBeGreaterThanOrEqual(logEndOffset);
    expect(spu.sc.statuses.get(`${AGGREGATE_STATE_TOPIC}/0`)?.logEndOffset).toBe(132);
  });

  it("has a record layout that stays as it is", () => {
    const { encode, decode } = AGGREGATE_STATE_RECORDS;
    const state = new Map([[1, { accumulator: Buffer.from("a"), windows: [], watermarkMs: undefined }]]);
    const modules = encodeModules(state, ["first", "sum"]);
    expect(Buffer.from(modules).toString("hex")).toBe("0000000100000001000373756d0000000161" + "00" + "00000000");
    const entry = { name: "s", topic: "t", partition: 2, offset: 3, modifiedTimeMs: 4, modules };
    const update = encode({ type: "update", entry });
    const key = "00017300017400000002";
    expect(Buffer.from(update).toString("hex")).toBe(
      `00${key}00000000000000030000000000000004${"00000017"}${Buffer.from(modules).toString("hex")}`,
    );
    expect(decode(update)).toEqual({ type: "update", entry });
    const removal = encode({ type: "delete", key: { name: "s", topic: "t", partition: 2 } });
    expect(Buffer.from(removal).toString("hex")).toBe(`01${key}`);
    expect(Buffer.from(encode({ type: "checkpoint" })).toString("hex")).toBe("02");
    expect(TEXT.decode(chainStateOf(modules).get(1)?.accumulator)).toBe("a");
  });
});
