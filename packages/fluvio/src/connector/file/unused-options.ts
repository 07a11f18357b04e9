import { parameter } from "../options/common-parameters.ts";
import type { ConnectorConfig } from "./config.ts";

/**
 * What a file says that a connector of this direction has no use for. It is no mistake, as the original takes it too, but
 * whoever wrote it should know.
 */
export function unusedOptions(config: ConnectorConfig, direction: "source" | "sink"): readonly string[] {
  if (direction === "sink") return config.producer === undefined ? [] : ["producer"];
  const partitions = ["fluvio-partition", "consumer-partition"].filter((key) => parameter(config, key) !== undefined);
  return [...(config.consumer === undefined ? [] : ["consumer"]), ...partitions.map((key) => `parameters.${key}`)];
}
