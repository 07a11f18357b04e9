import { expect, test } from "vitest";
import { loadConnectorFile } from "./load.ts";
import { unusedOptions } from "./unused-options.ts";

test("a source reads no topic, a sink sends to none", () => {
  const file =
    "name: c\ntype: http\ntopic: t\nproducer: { linger: 1s }\nconsumer: { id: x }\nparameters: { fluvio_partition: 3 }\n";
  const config = loadConnectorFile(file, "f");
  expect(unusedOptions(config, "source")).toEqual(["consumer", "parameters.fluvio-partition"]);
  expect(unusedOptions(config, "sink")).toEqual(["producer"]);
  const plain = loadConnectorFile("name: c\ntype: http\ntopic: t\n", "f");
  expect([unusedOptions(plain, "source"), unusedOptions(plain, "sink")]).toEqual([[], []]);
});
