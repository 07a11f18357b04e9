import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { gzipSync } from "node:zlib";
import type { ParameterValue } from "fluvio/connector";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { freePort } from "../../../tests/free-port.ts";
import { checkOptions } from "../../fluvio/src/connector/options/check.ts";
import { connector } from "./source.ts";

/** One request as the server saw it. */
interface Seen {
  readonly method: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}
type Answer = (response: ServerResponse, request: IncomingMessage) => void;

const DEADLINE_MS = 30_000;

let server: Server;
let seen: Seen[];
/** Answers in the order of the requests; the last one stays. */
let answers: Answer[];
let url: string;

beforeEach(async () => {
  seen = [];
  answers = [(response) => response.end("hello")];
  server = createServer(async (request, response) => {
    const body = await text(request).catch(() => undefined);
    // who asked is gone
    if (body === undefined) return;
    seen.push({ method: request.method ?? "", headers: request.headers, body });
    const answer = answers.length > 1 ? answers.shift() : answers[0];
    answer?.(response, request);
  });
  // one that nobody is given while it is closed
  const port = await freePort();
  await new Promise<void>((listening) => server.listen(port, "127.0.0.1", listening));
  url = `http://127.0.0.1:${port}/fact`;
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((closed) => server.close(closed));
});

interface Line {
  readonly level: string;
  readonly details: object;
  readonly message: string;
}

interface Control {
  stop?: () => void;
}

/** Runs the source until it has sent `count` records (or logged a line that `until` accepts), then stops it. */
async function collect(
  parameters: Readonly<Record<string, ParameterValue>>,
  count: number,
  until: (line: Line) => boolean = () => false,
  control: Control = {},
): Promise<{ records: string[]; lines: Line[] }> {
  const stop = new AbortController();
  control.stop = () => stop.abort();
  const signal = AbortSignal.any([stop.signal, AbortSignal.timeout(DEADLINE_MS)]);
  const records: string[] = [];
  const lines: Line[] = [];
  const at = (level: string) => (details: object, message: string) => {
    lines.push({ level, details, message });
    if (until({ level, details, message })) stop.abort();
  };
  const logger = { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error"), child: () => logger };
  const config = checkOptions(
    connector,
    {
      name: "c",
      type: "http",
      topic: "t",
      version: "latest",
      parameters: { endpoint: url, interval: "5ms", retry_delay: "1ms", ...parameters },
      secrets: {},
      transforms: [],
    },
    "connect.yml",
  );
  await connector.run({
    config,
    name: "c",
    topic: "t",
    logger,
    signal,
    send: async ({ value }) => {
      records.push(Buffer.from(value as Uint8Array).toString());
      if (records.length >= count) stop.abort();
    },
    flush: async () => {},
    lag: () => {},
    position: undefined,
    checkpoint: () => {},
    trouble: () => {},
  });
  expect(stop.signal.aborted, `deadline; logged ${JSON.stringify(lines)}`).toBe(true);
  return { records, lines };
}

describe("requests", () => {
  test("come at once and at every interval, and make records in order", async () => {
    answers = [1, 2, 3].map((n) => (response) => response.end(`fact ${n}`));
    expect((await collect({}, 3)).records).toEqual(["fact 1", "fact 2", "fact 3"]);
  });

  test("carry method, headers, body and user agent", async () => {
    await collect({ method: "post", headers: ["X-One: a:b", "X-Two: c"], body: "payload", user_agent: "me/1" }, 1);
    expect(seen[0]).toMatchObject({ method: "POST", body: "payload" });
    expect(seen[0]?.headers).toMatchObject({ "x-one": "a:b", "x-two": "c", "user-agent": "me/1" });
  });

  test("say who they are when nothing else is asked", async () => {
    await collect({}, 1);
    expect(seen[0]?.headers["user-agent"]).toBe("fluvio/http-source 0.1.0");
    expect(seen[0]?.method).toBe("GET");
  });

  test("follow redirects", async () => {
    answers = [
      (response) => response.writeHead(302, { location: "/elsewhere" }).end(),
      (response, request) => response.end(request.url),
    ];
    expect((await collect({}, 1)).records).toEqual(["/elsewhere"]);
  });

  test("reuse the connection", async () => {
    const ports = new Set<number | undefined>();
    answers = [
      (response, request) => {
        ports.add(request.socket.remotePort);
        response.end("x");
      },
    ];
    await collect({}, 5);
    expect(ports.size).toBe(1);
  });
});

describe("answers", () => {
  const full: Answer = (response) => {
    response.writeHead(201, { "x-a": "1", "set-cookie": ["a", "b"] }).end("body");
  };

  test("as text with everything", async () => {
    answers = [full];
    const [record = ""] = (await collect({ output_parts: "full" }, 1)).records;
    const [head = "", body] = record.split("\n\n");
    expect(body).toBe("body");
    const lines = head.split("\n");
    expect(lines[0]).toBe("HTTP/1.1 201 Created");
    expect(lines).toEqual(expect.arrayContaining(["x-a: 1", "set-cookie: a", "set-cookie: b"]));
  });

  test("as JSON", async () => {
    answers = [full];
    expect((await collect({ output_type: "json" }, 1)).records).toEqual(['{"body":"body"}']);
  });

  test("as JSON with everything", async () => {
    answers = [full];
    const { records } = await collect({ output_type: "json", output_parts: "full" }, 1);
    expect(JSON.parse(records[0] ?? "")).toMatchObject({
      status: { version: "HTTP/1.1", code: 201, string: "Created" },
      header: { "x-a": "1", "set-cookie": ["a", "b"] },
      body: "body",
    });
  });

  test("that are compressed come out as they were meant", async () => {
    answers = [
      (response) => response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync("hello ".repeat(100))),
    ];
    expect((await collect({}, 1)).records).toEqual(["hello ".repeat(100)]);
    expect(seen[0]?.headers["accept-encoding"]).toContain("gzip");
  });

  test("of 4xx are records too, with a warning", async () => {
    answers = [(response) => response.writeHead(404).end("not here")];
    const { records, lines } = await collect({}, 1);
    expect(records).toEqual(["not here"]);
    expect(lines).toContainEqual({ level: "warn", details: { status: 404 }, message: "answer with an error status" });
  });
});

describe("trouble", () => {
  const problems = (lines: readonly Line[]) => lines.map((line) => (line.details as { problem?: string }).problem);

  test("a 5xx is tried again, and the record is that of the success", async () => {
    answers = [
      (response) => response.writeHead(500).end("oops"),
      (response) => response.writeHead(503).end("oops"),
      (response) => response.end("fine"),
    ];
    const { records, lines } = await collect({}, 1);
    expect(records).toEqual(["fine"]);
    expect(problems(lines).slice(0, 2)).toEqual(["status 500", "status 503"]);
  });

  test("a 5xx that stays is a record in the end, as whatever was answered", async () => {
    answers = [(response) => response.writeHead(500).end("oops")];
    const { records } = await collect({ retries: "2" }, 1);
    expect(records).toEqual(["oops"]);
    expect(seen).toHaveLength(3);
  });

  test("a connection that is cut is tried again", async () => {
    answers = [
      (response) => response.destroy(),
      (response) => {
        response.writeHead(200, { "content-length": 100 });
        response.write("half of i");
        setImmediate(() => response.destroy());
      },
      (response) => response.end("whole"),
    ];
    const { records, lines } = await collect({}, 1);
    expect(records).toEqual(["whole"]);
    expect(lines.filter((line) => line.message === "request failed, trying again")).toHaveLength(2);
  });

  test("a compressed answer that is cut is tried again", async () => {
    const whole = gzipSync("a".repeat(5000));
    answers = [
      (response) => {
        response.writeHead(200, { "content-encoding": "gzip" });
        response.end(whole.subarray(0, whole.length - 10));
      },
      (response) => response.writeHead(200, { "content-encoding": "gzip" }).end(whole),
    ];
    expect((await collect({}, 1)).records).toEqual(["a".repeat(5000)]);
  });

  test("an answer that does not come in time is given up and tried again", async () => {
    answers = [() => {}, (response) => response.end("at last")];
    const { records, lines } = await collect({ timeout: "100ms" }, 1);
    expect(records).toEqual(["at last"]);
    expect(problems(lines)[0]).toMatch(/timeout/i);
  });

  test("an answer that is too large is refused, not cut", async () => {
    answers = [(response) => response.end("x".repeat(2000)), (response) => response.end("small")];
    const { records, lines } = await collect({ "max-response-size": "1KB" }, 1);
    expect(records).toEqual(["small"]);
    expect(problems(lines)[0]).toContain("larger than max-response-size (1000 bytes)");
  });

  test("a server that is away is an error in the log, and the next tick tries again", async () => {
    const { port } = server.address() as AddressInfo;
    await new Promise((closed) => server.close(closed));
    let failures = 0;
    const { records, lines } = await collect({ retries: "1" }, 1, (line) => {
      if (line.message === "request failed" && ++failures === 2) server.listen(port, "127.0.0.1");
      return false;
    });
    expect(records).toEqual(["hello"]);
    expect(problems(lines)[0]).toContain("ECONNREFUSED");
  });

  test("the log has no secrets of the URL", async () => {
    answers = [(response) => response.writeHead(500).end()];
    const endpoint = `${url.replace("http://", "http://user:hunter2@")}?key=hunter2`;
    const { lines } = await collect({ endpoint, retries: "1" }, 1);
    expect(JSON.stringify(lines)).not.toContain("hunter2");
  });

  test("stopping ends a request in flight at once", async () => {
    const control: Control = {};
    answers = [(response) => response.end("first"), () => control.stop?.()];
    const { records } = await collect({ timeout: "1h" }, Number.POSITIVE_INFINITY, () => false, control);
    expect(records).toEqual(["first"]);
    expect(seen).toHaveLength(2);
  });
});
