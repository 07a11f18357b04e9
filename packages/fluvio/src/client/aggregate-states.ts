import { type AggregateStatesRequestInput, aggregateStatesApi, toFluvioError } from "../protocol/index.ts";
import type { AbortOptions } from "../transport/index.ts";
import type { AggregateState } from "./admin-types.ts";
import type { Cluster } from "./cluster.ts";
import { askExtension } from "./extension.ts";

/**
 * Asks for kept states of aggregates, or resets them.
 * @throws FLV_UNSUPPORTED when the cluster has none | FLV_SERVER | FLV_CONNECT
 */
export async function askAggregateStates(
  cluster: Cluster,
  request: AggregateStatesRequestInput,
  options: AbortOptions,
): Promise<readonly AggregateState[]> {
  const what = "keep states of aggregates";
  const { error, states } = await askExtension(cluster, aggregateStatesApi, request, what, options);
  if (error.name !== "None") throw toFluvioError(error);
  return states;
}
