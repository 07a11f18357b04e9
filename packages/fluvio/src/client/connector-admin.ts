import { connectorLogsApi, toFluvioError } from "../protocol/index.ts";
import type { AbortOptions } from "../transport/index.ts";
import type { ConnectorPosition, ConnectorPositionChange } from "./admin-types.ts";
import type { Cluster } from "./cluster.ts";
import { askConnectorPositions, keepConnectorPosition } from "./connector-positions.ts";

const abortOf = ({ signal }: AbortOptions): AbortOptions => (signal === undefined ? {} : { signal });

/** What {@link FluvioAdmin} has for connectors beyond keeping their configuration: extensions that only our clusters know. */
export class ConnectorAdmin {
  readonly #cluster: Cluster;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  async *connectorLogs(
    name: string,
    options: AbortOptions & { readonly follow?: boolean } = {},
  ): AsyncGenerator<Uint8Array> {
    const { connection } = await this.#cluster.session(abortOf(options));
    const request = { name, fromByte: 0, follow: options.follow ?? false };
    for await (const reply of connection.stream(connectorLogsApi, request, abortOf(options))) {
      if (reply.error.name !== "None") throw toFluvioError(reply.error, { name });
      if (reply.chunk.length > 0) yield reply.chunk;
      if (reply.end) return;
    }
  }

  async connectorPosition(name: string, options: AbortOptions = {}): Promise<ConnectorPosition | undefined> {
    return (await askConnectorPositions(this.#cluster, { action: "list", name }, abortOf(options)))[0];
  }

  connectorPositions(options: AbortOptions = {}): Promise<readonly ConnectorPosition[]> {
    return askConnectorPositions(this.#cluster, { action: "list", name: undefined }, abortOf(options));
  }

  async resetConnectorPosition(name: string, options: AbortOptions = {}): Promise<ConnectorPosition | undefined> {
    return (await askConnectorPositions(this.#cluster, { action: "reset", name }, abortOf(options)))[0];
  }

  keepConnectorPosition(change: ConnectorPositionChange, options: AbortOptions = {}): Promise<void> {
    return keepConnectorPosition(this.#cluster, change, abortOf(options));
  }
}
