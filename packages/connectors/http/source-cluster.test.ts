import type { ParameterValue } from "fluvio/connector";
import { describe, expect, test } from "vitest";
import { buildAs } from "../../../tests/fixtures/build-as.ts";
import type { ConnectorConfig } from "../../fluvio/src/connector/file/config.ts";
import { useConnectors } from "../testing/connectors.ts";
import { connector } from "./source.ts";
import { useServer } from "./testing/scripted.ts";

/** The source with a cluster, which keeps its place. */
const connectors = useConnectors();
const http = useServer();

const config = async (parameters: Readonly<Record<string, ParameterValue>>): Promise<ConnectorConfig> =>
  connectors.config("http-source", await connectors.topicWith([]), { endpoint: http.url, ...parameters });
const values = async (topic: string, count: number) =>
  (await connectors.records(topic, count)).map(({ value }) => value);

describe("a restart", () => {
  test("goes on with the page that is due: no record twice, none left out", async () => {
    http.answer = (request, response) => {
      const page = Number(new URL(request.url ?? "", http.url).searchParams.get("cursor") ?? 0);
      response.end(JSON.stringify({ items: [page], next: page < 50 ? page + 1 : null }));
    };
    const pagination = { by: "cursor", cursor: "next", "pages-max": "10" };
    const own = await config({ interval: "1h", records: "items", pagination });
    const expected = Array.from({ length: 51 }, (_, page) => `${page}`);
    for (let count = 10; count <= 50; count += 10) {
      const source = connectors.start(connector, own);
      expect(await values(own.topic, count)).toEqual(expected.slice(0, count));
      await source.until(() => source.lines.some(({ message }) => message.startsWith("more pages")));
      await source.stop();
    }
    connectors.start(connector, own);
    expect(await values(own.topic, 51)).toEqual(expected);
  });

  test("asks an event stream for what came after the last event", async () => {
    http.answer = (request, response) => {
      const last = Number(request.headers["last-event-id"] ?? 0);
      response.setHeader("content-type", "text/event-stream");
      response.write(`id: ${last + 1}\ndata: ${last + 1}\n\nid: ${last + 2}\ndata: ${last + 2}\n\n`);
    };
    const own = await config({ stream: "true" });
    for (const count of [2, 4, 6]) {
      const source = connectors.start(connector, own);
      await connectors.records(own.topic, count);
      await source.stop();
    }
    expect((await connectors.stored(own.topic)).map(({ value }) => value)).toEqual(["1", "2", "3", "4", "5", "6"]);
  });
});

test("a SmartModule works on each element, and one that it refuses does not keep the others", async () => {
  const name = connectors.newName();
  await connectors.fluvio.admin().createSmartModule(name, await buildAs("filter-map"));
  http.answer = (_, response) => response.end('[2,4,"x",6]');
  const own = await config({ interval: "1h", records: "$", "filter-map": name });
  const source = connectors.start(connector, own);
  expect(await values(own.topic, 3)).toEqual(["1", "2", "3"]);
  await source.until(() => source.counters.recordErrors === 1);
});
