import { type Api, flvError, isFluvioError } from "../protocol/index.ts";
import type { AbortOptions, Connection } from "../transport/index.ts";
import type { Cluster } from "./cluster.ts";

/**
 * Asks the SC for what a cluster of the original does not know: it closes the connection on an unknown request, so
 * this has a connection of its own and the session goes on undisturbed. What is asked may be done twice.
 * @param what names the request in the error, as in `this cluster cannot …`
 * @throws FLV_UNSUPPORTED when the cluster hung up twice | FLV_CONNECT | FLV_TLS | FLV_TIMEOUT
 */
export async function askExtension<Req, ReqIn, Res, ResIn>(
  cluster: Cluster,
  api: Api<Req, ReqIn, Res, ResIn>,
  body: ReqIn,
  what: string,
  options: AbortOptions = {},
): Promise<Res> {
  for (let hangUps = 0; ; hangUps++) {
    await using connection = await cluster.separateConnection(options);
    try {
      return await connection.request(api, body, options);
    } catch (error) {
      if (!isFluvioError(error) || error.code !== "FLV_CONNECTION_CLOSED") throw error;
      // a cluster that hung up because it was about to go away answers when it is back
      if (hangUps > 0) throw unsupported(connection, what, error);
    }
  }
}

function unsupported({ host, port, platformVersion }: Connection, what: string, cause: unknown): Error {
  return flvError("FLV_UNSUPPORTED", `The cluster at ${host}:${port} (version ${platformVersion}) cannot ${what}`, {
    details: { host, port, platformVersion },
    hint: "this is an addition of clusters that `fluvio cluster start` of this program starts",
    cause,
  });
}
