import { type ConnectorRunsRequestInput, connectorRunsApi, toFluvioError } from "../protocol/index.ts";
import type { AbortOptions } from "../transport/index.ts";
import type { ConnectorRun } from "./admin-types.ts";
import type { Cluster } from "./cluster.ts";
import { askExtension } from "./extension.ts";

/** {@link FluvioAdmin.claimConnectorRun} */
export async function claimConnectorRun(cluster: Cluster, run: ConnectorRun, options: AbortOptions): Promise<boolean> {
  const request = { action: "claim", ...run } as const;
  const { error, isOther } = await askExtension(
    cluster,
    connectorRunsApi,
    request,
    "tell runs of sinks apart",
    options,
  );
  if (error.name !== "None") throw toFluvioError(error);
  return isOther;
}

/** {@link FluvioAdmin.holdConnectorRun} and {@link FluvioAdmin.releaseConnectorRun} */
export async function tellConnectorRun(
  cluster: Cluster,
  request: ConnectorRunsRequestInput,
  options: AbortOptions,
): Promise<boolean> {
  // the session's own connection: who has claimed before knows that the cluster knows the request
  const { connection } = await cluster.session(options);
  const { error, isOther } = await connection.request(connectorRunsApi, request, options);
  if (error.name !== "None") throw toFluvioError(error);
  return isOther;
}
