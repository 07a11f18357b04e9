import { expect, it } from "vitest";
import { buildAs } from "../../../../tests/fixtures/build-as.ts";
import { type Logger, silentLogger } from "../protocol/index.ts";
import { drain, text, useTestCluster } from "./testing/cluster.ts";

const lines: object[] = [];
const logger: Logger = {
  ...silentLogger,
  info: (details, message) => lines.push({ ...details, message }),
  child: () => logger,
};
const cluster = useTestCluster({ logger });

it("what a SmartModule prints on the server is in the cluster's log, line by line under its name", async () => {
  const fluvio = await cluster.connect();
  const topic = await fluvio.admin().createTopic(cluster.topicName());
  await fluvio.admin().createSmartModule("talks", await buildAs("wasi-output"));
  await using producer = await fluvio.topicProducer(topic);
  await producer.sendAll([{ value: "hello" }, { value: "again" }]);
  await producer.flush();
  const smartmodules = [{ name: "talks" }];
  const consumer = await fluvio.consumer({ topic, offset: "beginning", smartmodules, disableContinuous: true });
  expect((await drain(consumer)).map(({ value }) => text(value))).toEqual(["hello", "again"]);
  const line = (message: string) => ({ smartmodule: "talks", stream: "stdout", message });
  await expect.poll(() => lines).toEqual(expect.arrayContaining([line("saw hello"), line("saw again")]));
  await fluvio.close();
});
