import type { ParameterValue, Position } from "fluvio/connector";
import { afterEach, describe, expect, test } from "vitest";
import { optionsOf, SourceRun } from "../testing/run-source.ts";
import { connector } from "./source.ts";
import { useServer } from "./testing/scripted.ts";

const http = useServer();
let run: SourceRun;
afterEach(() => run.stop());

function start(parameters: Readonly<Record<string, ParameterValue>> = {}, position?: Position): SourceRun {
  const quick = { interval: "5ms", retry_delay: "1ms", retries: "1" };
  run = new SourceRun(connector, { endpoint: `${http.url}/list`, ...quick, ...parameters }, position);
  return run;
}

/** Starts again with the position that the last run kept. */
async function restart(parameters: Readonly<Record<string, ParameterValue>> = {}): Promise<SourceRun> {
  const { position } = run;
  await run.stop();
  return start(parameters, JSON.parse(JSON.stringify(position)) as Position);
}

/** Pages 1, 2, … of an answer; `?page=N` or `?cursor=N` asks for one. */
const pages = (count: number, form: "link" | "cursor") => {
  http.answer = (request, response) => {
    const query = new URL(request.url ?? "", http.url).searchParams;
    const page = Number(query.get("page") ?? query.get("cursor") ?? 1);
    const next = page < count ? page + 1 : undefined;
    const link = `</list?page=9>; rel=last; title="a, b", </list?page=${next}>; rel="foo Next"`;
    if (form === "link" && next !== undefined) response.setHeader("link", link);
    response.end(JSON.stringify({ items: [`${page}a`, `${page}b`], meta: { next } }));
  };
};
const ITEMS = { records: "$.items", interval: "1h" };
const CURSOR = { by: "cursor", cursor: "meta.next" };

describe("the elements of an array", () => {
  test("are a record each, as they are written", async () => {
    http.answer = (_, response) => response.end('{"data":{"items":[{"id": 12345678901234567890}, "x" , [1.0]]}}');
    start({ records: "data.items" });
    await run.until(() => run.records.length >= 3);
    expect(run.records.slice(0, 3)).toEqual(['{"id": 12345678901234567890}', '"x"', "[1.0]"]);
  });

  test("take the form that is asked for", async () => {
    http.answer = (_, response) => response.setHeader("x-a", "1").end("[1]");
    start({ records: "$", output_type: "json", output_parts: "full" });
    await run.until(() => run.records.length >= 1);
    expect(JSON.parse(run.records[0] ?? "")).toMatchObject({
      status: { code: 200 },
      header: { "x-a": "1" },
      body: "1",
    });
  });

  test.each([
    ["{}", "the answer has no array at $.items"],
    ["<html>", "the answer is not JSON (text/html)"],
  ])("of %s are not there: an error, no record, and the next tick asks again", async (body, problem) => {
    let answers = 0;
    http.answer = (_, response) => {
      response.setHeader("content-type", "text/html").end(answers++ < 2 ? body : '{"items":[1]}');
    };
    start({ records: "items" });
    await run.until(() => run.records.length === 1);
    expect(run.lines.filter(({ level }) => level === "error").map(({ details }) => details)).toEqual([
      { status: 200, problem },
      { status: 200, problem },
    ]);
    expect(run.troubles[0]).toContain(problem);
    expect(run.troubles.at(-1)).toBe("");
  });
});

describe("pages", () => {
  test("are followed by the Link header", async () => {
    pages(3, "link");
    start({ ...ITEMS, pagination: { by: "link" } });
    await run.until(() => run.records.length === 6);
    expect(run.records.join()).toBe('"1a","1b","2a","2b","3a","3b"');
    expect(http.seen.map(({ url }) => url)).toEqual(["/list", "/list?page=2", "/list?page=3"]);
  });

  test("are followed by a cursor", async () => {
    pages(3, "cursor");
    start({ ...ITEMS, endpoint: `${http.url}/list?q=1`, pagination: CURSOR });
    await run.until(() => run.records.length === 6);
    expect(http.seen.map(({ url }) => url)).toEqual(["/list?q=1", "/list?q=1&cursor=2", "/list?q=1&cursor=3"]);
  });

  test("that fail are asked for again at the next tick, those before are not", async () => {
    pages(3, "cursor");
    const good = http.answer;
    let failures = 0;
    http.answer = (request, response) => {
      if (request.url?.includes("=2") === true && failures++ < 3) response.writeHead(500).end();
      else good(request, response);
    };
    start({ ...ITEMS, interval: "5ms", pagination: CURSOR });
    await run.until(() => run.records.length >= 6);
    expect(run.records.slice(0, 6).join()).toBe('"1a","1b","2a","2b","3a","3b"');
    expect(run.troubles[0]).toMatch(/^cannot request .*status 500/);
  });

  test("are gone on with after a restart, at once", async () => {
    pages(5, "cursor");
    start({ ...ITEMS, pagination: { ...CURSOR, "pages-max": "2" } });
    await run.until(() => run.lines.some(({ message }) => message.startsWith("more pages than pages-max")));
    expect(run.records).toHaveLength(4);
    await restart({ ...ITEMS, pagination: CURSOR });
    await run.until(() => run.records.length === 6);
    expect(run.records.join()).toBe('"3a","3b","4a","4b","5a","5b"');
  });

  test("begin anew when the system does not know the cursor any more", async () => {
    pages(2, "cursor");
    const good = http.answer;
    let refused = 0;
    http.answer = (request, response) => {
      if (request.url?.includes("cursor") === true && refused++ === 0) response.writeHead(410).end();
      else good(request, response);
    };
    start({ ...ITEMS, interval: "5ms", pagination: CURSOR });
    await run.until(() => run.records.length >= 6);
    expect(run.records.slice(0, 6).join()).toBe('"1a","1b","1a","1b","2a","2b"');
  });

  test("of a feed that grows begin at the last cursor, also after a restart", async () => {
    const feed = ["a", "b"];
    http.answer = (request, response) => {
      const since = Number(new URL(request.url ?? "", http.url).searchParams.get("since") ?? 0);
      response.end(JSON.stringify({ items: feed.slice(since), last: feed.length }));
    };
    const grown = { records: "items", pagination: { by: "cursor", cursor: "last", parameter: "since", start: "last" } };
    start(grown);
    await run.until(() => run.records.length === 2 && http.seen.length > 4);
    feed.push("c");
    await run.until(() => run.records.length === 3);
    await run.stop();
    feed.push("d");
    start(grown, run.position);
    await run.until(() => http.seen.length > 10 && run.records.length > 0);
    expect(run.records).toEqual(['"d"']);
  });

  test("of another server are not asked for: it would be told who asks", async () => {
    http.answer = (_, response) => response.setHeader("link", "<http://elsewhere.example/>; rel=next").end("[]");
    start({ records: "$", pagination: {}, auth: { token: "hunter2" } });
    await run.until(() => run.troubles.length > 0);
    expect(run.troubles[0]).toContain("the next page is on another server, http://elsewhere.example");
  });

  test.each([
    [{ pagination: { by: "cursor" } }, "has `by: cursor` without `cursor`"],
    [{ pagination: { start: "last" } }, "has `start: last`, which needs `by: cursor`"],
    [{ pagination: {}, only_changes: "true" }, "which cannot be had with `pagination`"],
    [{ pagination: {}, stream: "true" }, "which is not for streams"],
    [{ records: "a..b" }, "which is not a path into JSON such as $.data.items"],
    [{ auth: { token: "a", username: "b" } }, "has not exactly one of `username`, `token`, `api-key`, `token-url`"],
  ])("with %j cannot be", (parameters, message) => {
    start();
    expect(() => optionsOf(connector, { endpoint: "http://localhost/", ...parameters })).toThrow(message);
  });
});

describe("an answer that did not change", () => {
  test("makes no record: by ETag", async () => {
    let tag = '"1"';
    http.answer = (request, response) => {
      if (request.headers["if-none-match"] === tag) response.writeHead(304).end();
      else response.setHeader("etag", tag).end(`body ${tag}`);
    };
    start({ only_changes: "true" });
    await run.until(() => http.seen.length > 3);
    tag = '"2"';
    await run.until(() => (run.position as { etag?: string }).etag === tag);
    expect(run.records).toEqual(['body "1"', 'body "2"']);
    await restart({ only_changes: "true" });
    const before = http.seen.length;
    await run.until(() => http.seen.length > before + 2);
    expect(run.records).toEqual([]);
  });

  test("by Last-Modified, and by the body itself", async () => {
    const date = "Tue, 14 Nov 2023 22:13:20 GMT";
    http.answer = (request, response) => {
      if (request.headers["if-modified-since"] === date) response.writeHead(304).end();
      else response.setHeader("last-modified", date).end("x");
    };
    start({ only_changes: "true" });
    await run.until(() => http.seen.length > 3);
    http.answer = (_, response) => response.end("x");
    await run.until(() => http.seen.length > 6);
    expect(run.records).toEqual(["x"]);
  });

  test("is a record every time when nothing else is asked for", async () => {
    http.answer = (request, response) => {
      expect(request.headers["if-none-match"]).toBeUndefined();
      response.setHeader("etag", '"1"').end("x");
    };
    start();
    await run.until(() => run.records.length === 3);
  });
});

describe("after a restart", () => {
  test("nothing is asked before the interval has passed", async () => {
    start({ interval: "1h" });
    await run.until(() => run.position !== undefined);
    await restart({ interval: "1h" });
    await new Promise(setImmediate);
    expect(http.seen).toHaveLength(1);
    // of a shorter interval nothing is left
    await restart({ interval: "1ms" });
    await run.until(() => run.records.length > 0);
  });

  test("the position of another request does not count", async () => {
    start({ interval: "1h" });
    await run.until(() => run.position !== undefined);
    expect(JSON.stringify(run.position)).not.toContain("list");
    await restart({ interval: "1h", endpoint: `${http.url}/other` });
    await run.until(() => run.records.length === 1);
  });

  test("a clock that was set back delays for no more than the interval", async () => {
    start();
    await run.until(() => run.position !== undefined);
    const { of } = run.position as { of: string };
    await run.stop();
    start({}, { of, askedAt: Date.now() + 3_600_000 });
    await run.until(() => run.records.length > 0);
  });
});

describe("who asks", () => {
  test.each([
    [{ username: "me", password: "p:w" }, { authorization: `Basic ${btoa("me:p:w")}` }],
    [{ token: "abc" }, { authorization: "Bearer abc" }],
    [{ "api-key": "abc" }, { "x-api-key": "abc" }],
    [{ api_key: "abc", api_key_header: "X-Token" }, { "x-token": "abc" }],
  ])("%j", async (auth, headers) => {
    start({ auth });
    await run.until(() => run.records.length > 0);
    expect(http.seen[0]?.headers).toMatchObject(headers);
  });

  test("is not told to another server that a redirect names", async () => {
    http.answer = (request, response) => {
      const elsewhere = http.url.replace("127.0.0.1", "localhost");
      if (request.headers.host?.startsWith("127") === true) response.writeHead(302, { location: elsewhere }).end();
      else response.end(JSON.stringify(request.headers));
    };
    start({ auth: { api_key: "hunter2" }, headers: ["Cookie: hunter2", "X-Own: 1"] });
    await run.until(() => run.records.length > 0);
    expect(run.records[0]).not.toContain("hunter2");
    expect(run.records[0]).toContain("x-own");
    expect(http.seen[0]?.headers["x-api-key"]).toBe("hunter2");
  });

  test("with a token of OAuth 2, which is had again when it is refused", async () => {
    let tokens = 0;
    http.answer = (request, response) => {
      if (request.url === "/token") {
        expect(request.headers.authorization).toBe(`Basic ${btoa("me:s%3Acret")}`);
        response.end(JSON.stringify({ access_token: `token-${++tokens}`, expires_in: 3600 }));
      } else if (request.headers.authorization === `Bearer token-${tokens}` && http.seen.length !== 4) {
        response.end(request.headers.authorization);
      } else response.writeHead(401).end();
    };
    start({ auth: { token_url: `${http.url}/token`, client_id: "me", client_secret: "s:cret", scope: "read" } });
    await run.until(() => run.records.length >= 3);
    expect(run.records.slice(0, 3)).toEqual(["Bearer token-1", "Bearer token-1", "Bearer token-2"]);
  });

  test("cannot be told while the tokens' server is away: tried again, and said so", async () => {
    http.answer = (request, response) => {
      if (request.url !== "/token") response.end("x");
      else if (http.seen.length < 4) response.writeHead(503).end();
      else response.end('{"access_token":"t"}');
    };
    start({ auth: { token_url: `${http.url}/token`, client_id: "me", client_secret: "secret" } });
    await run.until(() => run.records.length > 0);
    expect(run.troubles[0]).toMatch(/no token from http:.*\/token: status 503$/);
  });
});

test("an endpoint that refuses is in the way until it does not", async () => {
  http.answer = (_, response) => response.writeHead(403).end("no");
  start();
  await run.until(() => run.troubles.length > 0);
  expect(run.troubles[0]).toBe(`${http.url}/list answered 403`);
  http.answer = (_, response) => response.end("yes");
  await run.until(() => run.troubles.at(-1) === "");
});

test("a 429 is tried again after the pause that is asked for", async () => {
  http.answer = (_, response) => {
    if (http.seen.length === 1) response.writeHead(429, { "retry-after": "0.05" }).end();
    else response.end("x");
  };
  const began = performance.now();
  start();
  await run.until(() => run.records.length > 0);
  expect(run.records[0]).toBe("x");
  expect(performance.now() - began).toBeGreaterThan(45);
});
