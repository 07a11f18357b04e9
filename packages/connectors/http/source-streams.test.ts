import type { ServerResponse } from "node:http";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import type { ParameterValue, Position } from "fluvio/connector";
import { afterEach, describe, expect, test } from "vitest";
import { SourceRun } from "../testing/run-source.ts";
import { DelimitedReader } from "./delimited.ts";
import { EventStreamReader, type StreamEvent } from "./event-stream.ts";
import { connector } from "./source.ts";
import { useServer } from "./testing/scripted.ts";

const http = useServer();
let run: SourceRun | undefined;
afterEach(() => run?.stop());

function start(parameters: Readonly<Record<string, ParameterValue>> = {}, position?: Position): SourceRun {
  const quick = { stream: "true", interval: "5ms", retry_delay: "1ms", retry_delay_max: "5ms" };
  run = new SourceRun(connector, { endpoint: `${http.url}/stream`, ...quick, ...parameters }, position);
  return run;
}

/** Any way to cut bytes into pieces. */
const cuts = fc.array(fc.nat(12), { minLength: 1, maxLength: 40 });
function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const size = Math.max(1, sizes[turn % sizes.length] ?? 1);
    pieces.push(bytes.subarray(at, at + size));
    at += size;
  }
  return pieces;
}

describe("a stream with delimiters", () => {
  const read = (pieces: readonly Buffer[], delimiter: string, max = 1000) => {
    const reader = new DelimitedReader(delimiter, max);
    const found: string[] = [];
    for (const piece of pieces) for (const record of reader.push(piece)) found.push(Buffer.from(record).toString());
    for (const record of reader.end()) found.push(Buffer.from(record).toString());
    return { found, skipped: reader.skipped };
  };

  test("is cut at the same places however its bytes come", () => {
    const texts = fc.array(fc.string({ unit: fc.constantFrom("a", "b", "-", "é", "\r", "\n"), maxLength: 12 }));
    fc.assert(
      fc.property(texts, cuts, fc.constantFrom("\n", "--", "-a-", "\r\n"), (parts, sizes, delimiter) => {
        const text = parts.join(delimiter);
        const lines = text.split(delimiter).map((one) => (delimiter === "\n" ? one.replace(/\r$/, "") : one));
        expect(read(cut(Buffer.from(text), sizes), delimiter).found).toEqual(lines.filter((one) => one !== ""));
      }),
    );
  });

  test("loses only what is too large, and holds no more than that", () => {
    const texts = fc.array(fc.integer({ min: 1, max: 30 }));
    fc.assert(
      fc.property(texts, cuts, fc.constantFrom("\n", "--"), (sizes, pieces, delimiter) => {
        const parts = sizes.map((size, index) => `${index % 10}`.repeat(size));
        const { found, skipped } = read(cut(Buffer.from(parts.join(delimiter)), pieces), delimiter, 10);
        expect(found).toEqual(parts.filter(({ length }) => length <= 10));
        expect(skipped).toBe(parts.filter(({ length }) => length > 10).length);
      }),
    );
  });

  test("makes a record for each line while it runs", async () => {
    let answer: ServerResponse | undefined;
    http.answer = (_, response) => {
      answer = response;
      response.write("one\ntwo\r\n\nthr");
    };
    const { records } = start();
    await run?.until(() => records.length === 2);
    answer?.write("ee\n");
    await run?.until(() => records.length === 3);
    expect(records).toEqual(["one", "two", "three"]);
  });

  test("has other delimiters, and other forms", async () => {
    http.answer = (_, response) => response.setHeader("x-a", "1").end("a\0b||c\0");
    start({ delimiter: "\\0", output_type: "json", output_parts: "full", interval: "1h" });
    await run?.until(() => run?.records.length === 2);
    expect(run?.records.map((record) => JSON.parse(record))).toMatchObject([
      { status: { code: 200 }, header: { "x-a": "1" }, body: "a" },
      { body: "b||c" },
    ]);
  });

  test("is asked for again when it ends, and when it breaks off: what is half is no record", async () => {
    http.answer = (_, response) => {
      if (http.seen.length === 1) response.end("a\nlast");
      else if (http.seen.length === 2) response.writeHead(503).end();
      else if (http.seen.length === 3) response.write("b\nhalf", () => response.destroy());
      else response.write("c\n");
    };
    start();
    await run?.until(() => run?.records.length === 4 && run.troubles.at(-1) === "");
    expect(run?.records).toEqual(["a", "last", "b", "c"]);
    expect(run?.troubles[0]).toBe(`cannot read ${http.url}/stream, trying again: status 503`);
    expect(run?.troubles.filter((reason) => reason !== "")).toHaveLength(2);
  });

  test("that falls silent is asked for again", async () => {
    http.answer = (_, response) => response.write("x\n");
    start({ "idle-timeout": "50ms" });
    await run?.until(() => run?.records.length === 1);
    await run?.until(() => (run?.troubles.length ?? 0) > 0);
    expect(run?.troubles[0]).toMatch(/timeout/i);
    const before = http.seen.length;
    await run?.until(() => run?.records.length === 2);
    expect(http.seen.length).toBeGreaterThan(before);
  });

  test("is decompressed as it comes", async () => {
    http.answer = (_, response) => response.setHeader("content-encoding", "gzip").end(gzipSync("a\nb\n"));
    start({ interval: "1h" });
    await run?.until(() => run?.records.length === 2);
    expect(run?.records).toEqual(["a", "b"]);
  });

  test("is read no faster than the topic takes it", async () => {
    const lines = `${"x".repeat(1023)}\n`.repeat(64);
    let written = 0;
    http.answer = (_, response) => {
      const more = () => {
        do written += lines.length;
        while (response.write(lines));
      };
      response.on("drain", more);
      more();
    };
    let release: () => void = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    let taken = 0;
    run = new SourceRun(connector, { endpoint: http.url, stream: "true" }, undefined, {
      send: async () => {
        if (++taken === 10) await held;
      },
    });
    let before = -1;
    while (before !== written || taken < 10) {
      before = written;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(taken).toBe(10);
    expect(written).toBeLessThan(16 * 1024 * 1024);
    release();
    while (written === before) await new Promise(setImmediate);
  });

  test("leaves out records that are too large, and says so", async () => {
    http.answer = (_, response) => response.end(`a\n${"x".repeat(5000)}\nb\n`);
    start({ "max-response-size": "1KB", interval: "1h" });
    await run?.until(() => run?.records.length === 2);
    await run?.until(() => run?.lines.some(({ level }) => level === "error") === true);
    expect(run?.records).toEqual(["a", "b"]);
    expect(run?.lines.find(({ level }) => level === "error")?.details).toEqual({
      records: 1,
      "max-response-size": 1000,
    });
  });
});

describe("an event stream", () => {
  const read = (pieces: readonly Buffer[], max = 1000) => {
    const reader = new EventStreamReader("", max);
    const events: StreamEvent[] = [];
    for (const piece of pieces) events.push(...reader.push(piece));
    return { events, reader };
  };

  test("has the events of the standard's examples", () => {
    const { events, reader } = read([
      Buffer.from(
        "\ufeff: comment\n\ndata: first\nid: 1\n\ndata:second\nid\n\ndata:  third\n\nretry: 50\nretry: x\n\n" +
          "event: add\ndata: a\ndata\ndata: b\n\nid: 7\n\nid: a\0b\ndata: kept id\n\ndata: unfinished\n",
      ),
    ]);
    expect(events).toEqual([
      { id: "1", event: "message", data: "first" },
      { id: "", event: "message", data: "second" },
      { id: "", event: "message", data: " third" },
      { id: "", event: "add", data: "a\n\nb" },
      { id: "7", event: "message", data: "kept id" },
    ]);
    expect(reader.retryMs).toBe(50);
  });

  test("has the same events however its bytes come, and whatever ends its lines", () => {
    const text = "id: 1\ndata: é\ndata: 2\n\n: x\nevent: e\ndata: {}\n\n\ndata: last\n\n";
    const { events } = read([Buffer.from(text)]);
    fc.assert(
      fc.property(cuts, fc.constantFrom("\n", "\r", "\r\n"), (sizes, end) => {
        expect(read(cut(Buffer.from(text.replaceAll("\n", end)), sizes)).events).toEqual(events);
      }),
    );
  });

  test("loses only events that are too large", () => {
    const text = `data: a\n\ndata: ${"x".repeat(3000)}\n\n${"data: 12345\n".repeat(200)}\ndata: b\n\n`;
    fc.assert(
      fc.property(cuts, (sizes) => {
        const { events, reader } = read(cut(Buffer.from(text), sizes), 1000);
        expect(events.map(({ data }) => data)).toEqual(["a", "b"]);
        expect(reader.skipped).toBe(2);
      }),
      { numRuns: 20 },
    );
  });

  const events = (...list: string[]) => `${list.join("\n\n")}\n\n`;
  const serve = (answers: readonly ((response: ServerResponse) => void)[]) => {
    http.answer = (_, response) => {
      response.setHeader("content-type", "text/event-stream; charset=utf-8");
      answers[Math.min(http.seen.length, answers.length) - 1]?.(response);
    };
  };

  test("is gone on with behind the last event, after a break and after a restart", async () => {
    serve([
      (response) => response.write(events("retry: 1", "id: 1\ndata: a"), () => response.destroy()),
      (response) => response.write(events("id: 2\ndata: b")),
    ]);
    start();
    await run?.until(() => (run?.position as { eventId?: string } | undefined)?.eventId === "2");
    expect(http.seen.map(({ headers }) => headers["last-event-id"])).toEqual([undefined, "1"]);
    const position = run?.position;
    await run?.stop();
    start({}, position);
    await run?.until(() => run?.records.length === 1);
    expect(http.seen[2]?.headers["last-event-id"]).toBe("2");
  });

  test.each([
    [{}, "x\ny"],
    [{ output_type: "json" }, '{"body":"x\\ny"}'],
    [{ output_type: "json", output_parts: "full" }, '{"id":"1","event":"add","data":"x\\ny"}'],
    [{ output_parts: "full" }, "id: 1\nevent: add\ndata: x\ndata: y"],
  ])("as %j", async (parameters, record) => {
    serve([(response) => response.write(events("event: add\nid: 1\ndata: x\ndata: y"))]);
    start(parameters);
    await run?.until(() => run?.records.length === 1);
    expect(run?.records).toEqual([record]);
  });

  test("ends for good with 204", async () => {
    serve([(response) => response.end(events("data: a")), (response) => response.writeHead(204).end()]);
    const { done, records } = start();
    await done;
    expect(records).toEqual(["a"]);
  });
});
