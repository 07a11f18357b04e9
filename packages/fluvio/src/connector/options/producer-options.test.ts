import { expect, test } from "vitest";
import { loadConnectorFile } from "../file/load.ts";
import { producerOptions } from "./producer-options.ts";

const FILE = "name: c\ntype: http-source\ntopic: t\n";

test("every key of the producer section reaches the producer", () => {
  const section =
    "producer: { linger: 2, batch-size: 1KiB, compression: lz4, timeout: 5s, isolation: read_committed }\n";
  expect(producerOptions(loadConnectorFile(FILE + section, "f"), [])).toMatchObject({
    lingerMs: 2000,
    batchSizeBytes: 1024,
    compression: "lz4",
    timeoutMs: 5000,
    isolation: "readCommitted",
  });
});

test("without one the client's defaults hold, and a record is no larger than the topic's segments", () => {
  const options = producerOptions(loadConnectorFile(FILE, "f"), [], 1000);
  expect(Object.keys(options).sort()).toEqual(["maxRequestSizeBytes", "retry"]);
  expect(options.maxRequestSizeBytes).toBeLessThan(1000);
});
