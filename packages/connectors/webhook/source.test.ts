import { createHmac } from "node:crypto";
import { request as httpRequest } from "node:http";
import { createServer } from "node:net";
import type { ParameterValue, SourceContext } from "fluvio/connector";
import { afterEach, describe, expect, test } from "vitest";
import { buildAs } from "../../../tests/fixtures/build-as.ts";
import { useTestCluster } from "../../fluvio/src/client/testing/cluster.ts";
import type { ConnectorConfig } from "../../fluvio/src/connector/file/config.ts";
import { RunningConnector } from "../testing/connectors.ts";
import { SourceRun } from "../testing/run-source.ts";
import { RateLimit } from "./limits.ts";
import { connector } from "./source.ts";

let run: SourceRun | undefined;
let url: string;
afterEach(() => run?.stop());

const HERE = { port: "0", host: "127.0.0.1" };

/** Starts it without a cluster. */
async function start(
  parameters: Readonly<Record<string, ParameterValue>> = {},
  replaced: Partial<SourceContext<unknown>> = {},
): Promise<SourceRun> {
  run = new SourceRun(connector, { ...HERE, ...parameters }, undefined, replaced);
  await run.until(() => portOf(run) !== undefined);
  url = `http://127.0.0.1:${portOf(run)}`;
  return run;
}
const portOf = (of: { lines: readonly { message: string; details: object }[] } | undefined) => {
  const line = of?.lines.find(({ message }) => message === "listening");
  return (line?.details as { port?: number } | undefined)?.port;
};
const post = (body: string | Uint8Array, path = "/", headers: Record<string, string> = {}, method = "POST") =>
  fetch(`${url}${path}`, { method, body, headers });

/** Something that is not there until it is let go. */
function gate(): { readonly open: () => void; readonly opened: Promise<void> } {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, opened };
}

describe("requests", () => {
  test("are records, whatever their type", async () => {
    await start();
    expect((await post('{"a":1}', "/", { "content-type": "application/json" })).status).toBe(200);
    expect((await post("a=b&c", "/any/path?x=1", { "content-type": "application/x-www-form-urlencoded" })).status).toBe(
      200,
    );
    expect((await post("{not json", "/", { "content-type": "application/json" })).status).toBe(200);
    expect((await post("")).status).toBe(200);
    expect(run?.records).toEqual(['{"a":1}', "a=b&c", "{not json", ""]);
  });

  test.each([
    [{ outputType: "json" }, '{"body":"x"}'],
    [{ outputType: "json", outputUri: "full" }, '{"body":"x","path":"/a%20b","query":"q=1&r"}'],
    [{ outputType: "json", output_uri: "path" }, '{"body":"x","path":"/a%20b"}'],
    [{ outputUri: "query" }, "?q=1&r\n\nx"],
    [{ outputUri: "full" }, "/a%20b?q=1&r\n\nx"],
  ])("take the form %j", async (parameters, record) => {
    await start({ ...parameters, path: "/in/" });
    await post("x", "/in/a%20b?q=1&r");
    expect(run?.records).toEqual([record]);
  });

  test.each(["json", "text"])("with their headers as %s, but for what is secret", async (outputType) => {
    await start({ outputType, outputParts: "full" });
    await post("x", "/", { "x-own": "1", authorization: "Bearer hunter2", cookie: "hunter2" });
    expect(run?.records[0]).toContain(outputType === "json" ? '"x-own":"1"' : "x-own: 1\n");
    expect(run?.records[0]).not.toContain("hunter2");
  });

  test("of other paths and methods are not taken", async () => {
    await start({ path: "/in", methods: "POST, PUT" });
    const statuses = [
      await post("x", "/"),
      await post("x", "/inside"),
      await post("x", "/in", {}, "PATCH"),
      await fetch(`${url}/in`),
      await post("x", "/in/a"),
      await post("x", "/in", {}, "PUT"),
    ];
    expect(statuses.map(({ status }) => status)).toEqual([404, 404, 405, 405, 200, 200]);
    expect(statuses[2]?.headers.get("allow")).toBe("POST, PUT");
    expect(run?.records).toHaveLength(2);
  });

  test("must be signed when that is asked for", async () => {
    const run = await start({ signature: { scheme: "github", secret: "hunter2" } });
    const sign = (text: string) => `sha256=${createHmac("sha256", "hunter2").update(text).digest("hex")}`;
    expect((await post("good", "/", { "x-hub-signature-256": sign("good") })).status).toBe(200);
    expect((await post("bad", "/", { "x-hub-signature-256": sign("good") })).status).toBe(401);
    expect((await post("none")).status).toBe(401);
    expect(run.records).toEqual(["good"]);
    expect(JSON.stringify(run.lines)).not.toContain("hunter2");
    expect(run.lines.some(({ message }) => message.startsWith("no signature is asked for"))).toBe(false);
  });
});

describe("limits", () => {
  test("of a body: 413, also when its size is not told", async () => {
    await start({ "max-body-size": "1KB" });
    expect((await post("x".repeat(1001))).status).toBe(413);
    const status = await new Promise((resolve, reject) => {
      const request = httpRequest(url, { method: "POST" }, (response) => resolve(response.statusCode));
      request.on("error", reject);
      request.write("x".repeat(600));
      request.end("x".repeat(600));
    });
    expect(status).toBe(413);
    expect((await post("x".repeat(1000))).status).toBe(200);
    expect(run?.records).toHaveLength(1);
  });

  test("of a record that a request makes: 413", async () => {
    await start({ "max-body-size": "4MB", outputType: "json" });
    expect((await post("\0".repeat(3_000_000))).status).toBe(413);
    expect(run?.records).toEqual([]);
  });

  test("of a second: 429, and when to come again; what is refused is no record", async () => {
    await start({ "rate-limit": "1" });
    let taken = 0;
    let answer = await post("x");
    for (; answer.status === 200; answer = await post("x")) taken++;
    expect([answer.status, answer.headers.get("retry-after")]).toEqual([429, "1"]);
    expect(run?.records).toHaveLength(taken);
  });

  test("of a second are earned as it passes, and no more than those of one second are kept", () => {
    const rate = new RateLimit(4, 1000);
    const passed = (atMs: number, count: number) =>
      Array.from({ length: count }, () => rate.take(atMs)).filter((waitMs) => waitMs === 0).length;
    expect(passed(1000, 6)).toBe(4);
    expect(rate.take(1100)).toBe(150);
    expect(passed(1250, 2)).toBe(1);
    expect(passed(60_000, 6)).toBe(4);
  });

  test("of what is held at once: 503, and later it is taken", async () => {
    const { open, opened } = gate();
    await start({ "max-pending-size": "1KB" }, { flush: () => opened });
    const first = post("x".repeat(600));
    await run?.until(() => run?.records.length === 1);
    const second = await post("x".repeat(600));
    expect([second.status, second.headers.get("retry-after")]).toEqual([503, "1"]);
    open();
    expect((await first).status).toBe(200);
    expect((await post("x".repeat(600))).status).toBe(200);
  });
});

describe("answers", () => {
  test("come when the cluster has the record, and many share one acknowledgement", async () => {
    const { open, opened } = gate();
    let flushes = 0;
    const flush = () => {
      flushes++;
      return opened;
    };
    await start({}, { flush });
    let answered = 0;
    const posts = Array.from({ length: 20 }, async () => {
      const { status } = await post("x");
      answered++;
      return status;
    });
    await run?.until(() => run?.records.length === 20);
    expect(answered).toBe(0);
    open();
    expect(new Set(await Promise.all(posts))).toEqual(new Set([200]));
    expect(flushes).toBe(2);
  });

  test("come at once when the queue is enough", async () => {
    await start({ answer: "queued" }, { flush: () => new Promise(() => {}) });
    expect((await post("x")).status).toBe(202);
  });

  test("are 503 while the cluster does not acknowledge, and the state says so", async () => {
    const { open, opened } = gate();
    const run = await start({ "answer-timeout": "30ms" }, { flush: () => opened });
    const answer = await post("x");
    expect([answer.status, answer.headers.get("retry-after")]).toEqual([503, "1"]);
    expect(run.troubles).toEqual(["the cluster did not acknowledge within 0.03 s"]);
    open();
    await run.until(() => run.troubles.at(-1) === "");
    expect((await post("y")).status).toBe(200);
  });

  test("of requests under way are given before it stops; no new ones are taken", async () => {
    const { open, opened } = gate();
    const run = await start({}, { flush: () => opened });
    const first = post("x");
    await run.until(() => run.records.length === 1);
    const stopping = run.stop();
    await expect
      .poll(async () => {
        try {
          return (await post("y")).status;
        } catch {
          return "closed";
        }
      })
      .toBe("closed");
    open();
    expect((await first).status).toBe(200);
    await stopping;
    expect(run.records).toEqual(["x"]);
  });
});

test("a port that is taken is a failure that says so", async () => {
  const other = createServer();
  await new Promise<void>((listening) => other.listen(0, "127.0.0.1", listening));
  const { port } = other.address() as { port: number };
  const failed = new SourceRun(connector, { ...HERE, port: `${port}` });
  await expect(failed.done).rejects.toThrow(
    `port ${port} on 127.0.0.1 cannot be opened (EADDRINUSE): another process listens there`,
  );
  await new Promise((closed) => other.close(closed));
});

describe("with a cluster", () => {
  const cluster = useTestCluster();

  test("SmartModules apply before a record is stored: what they drop is answered all the same", async () => {
    const fluvio = await cluster.connect();
    await fluvio.admin().createSmartModule("has-a", await buildAs("filter"));
    const config: ConnectorConfig = {
      name: "filtered",
      type: "webhook",
      topic: "filtered",
      version: "latest",
      parameters: HERE,
      secrets: {},
      transforms: [{ uses: "has-a", with: {} }],
    };
    const source = new RunningConnector(connector, config, cluster.address);
    await source.until(() => portOf(source) !== undefined);
    url = `http://127.0.0.1:${portOf(source)}`;
    for (const body of ["apple", "plum", "banana"]) expect((await post(body)).status).toBe(200);
    await source.stop();
    const consumer = await fluvio.consumer({ topic: "filtered", offset: "beginning", disableContinuous: true });
    const values: string[] = [];
    for await (const { value } of consumer) values.push(Buffer.from(value).toString());
    await fluvio.close();
    expect(values).toEqual(["apple", "banana"]);
  });

  test("what was answered with 2xx is in the topic, also when the cluster goes away and comes back", async () => {
    const config: ConnectorConfig = {
      name: "hook",
      type: "webhook",
      topic: "hooks",
      version: "latest",
      parameters: { ...HERE, "answer-timeout": "1s" },
      secrets: {},
      transforms: [],
    };
    const source = new RunningConnector(connector, config, cluster.address);
    await source.until(() => portOf(source) !== undefined);
    url = `http://127.0.0.1:${portOf(source)}`;
    const stored: string[] = [];
    const deliver = async (value: string): Promise<number> => {
      const { status } = await post(value);
      if (status === 200) stored.push(value);
      return status;
    };
    await Promise.all(Array.from({ length: 50 }, (_, index) => deliver(`before ${index}`)));
    expect(stored.length).toBeGreaterThan(0);
    const ports = await cluster.stop();
    expect(await deliver("down")).toBe(503);
    expect(source.troubles.at(-1)).toMatch(/^the cluster did not acknowledge|^cannot reach the cluster/);
    await cluster.start(ports);
    await expect.poll(() => deliver("again")).toBe(200);
    await expect.poll(() => source.troubles.at(-1)).toBe("");
    await source.stop();
    const fluvio = await cluster.connect();
    const consumer = await fluvio.consumer({ topic: "hooks", offset: "beginning", disableContinuous: true });
    const values: string[] = [];
    for await (const { value } of consumer) values.push(Buffer.from(value).toString());
    await fluvio.close();
    for (const value of stored) expect(values).toContain(value);
    expect(new Set(values.filter((value) => value.startsWith("before"))).size).toBe(50);
  });
});
