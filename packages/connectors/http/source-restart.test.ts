import { afterEach, expect, test } from "vitest";
import { useConnectors } from "../testing/connectors.ts";
import { connector } from "./source.ts";
import { Target } from "./testing/target.ts";

/** The place of the source over restarts, with a real cluster that keeps it. */
const connectors = useConnectors();
const target = new Target();
afterEach(() => target.close());

test("a restart makes no record before the interval has passed", async () => {
  await target.listen();
  const own = connectors.config("http-source", await connectors.topicWith([]), {
    endpoint: target.url,
    interval: "1h",
    method: "POST",
    body: "fact",
  });
  const first = connectors.start(connector, own);
  expect(await connectors.records(own.topic, 1)).toMatchObject([{ key: undefined }]);
  await first.stop();
  for (let run = 0; run < 3; run++) {
    const again = connectors.start(connector, own);
    await again.until(() => again.messages.some(({ type }) => type === "running"));
    await again.stop();
  }
  expect(target.taken).toEqual(["fact"]);
  expect(await connectors.stored(own.topic)).toHaveLength(1);
});
