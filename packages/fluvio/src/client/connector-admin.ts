import {
  type ConnectorControlRequest,
  type ConnectorStats,
  connectorControlApi,
  connectorLogsApi,
  connectorStatsApi,
  flvError,
  type SecretEntry,
  type SecretsRequestInput,
  secretsApi,
  toFluvioError,
} from "../protocol/index.ts";
import type { AbortOptions } from "../transport/index.ts";
import type { ConnectorPosition, ConnectorPositionChange, ConnectorRun } from "./admin-types.ts";
import type { Cluster } from "./cluster.ts";
import { askConnectorPositions, keepConnectorPosition } from "./connector-positions.ts";
import { claimConnectorRun, tellConnectorRun } from "./connector-runs.ts";
import { askExtension } from "./extension.ts";
import { nearestName } from "./suggest.ts";

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

  async controlConnector(
    name: string,
    action: ConnectorControlRequest["action"],
    options: AbortOptions = {},
  ): Promise<void> {
    const what = `${action} connectors`;
    const request = { name, action };
    const { error, message } = await askExtension(this.#cluster, connectorControlApi, request, what, abortOf(options));
    if (error.name !== "None") throw toFluvioError(error, { name, message });
  }

  async connectorStats(names: readonly string[] = [], options: AbortOptions = {}): Promise<readonly ConnectorStats[]> {
    const what = "give counters of connectors";
    const reply = await askExtension(this.#cluster, connectorStatsApi, { names }, what, abortOf(options));
    if (reply.error.name !== "None") throw toFluvioError(reply.error, { message: reply.message });
    return reply.connectors;
  }

  listSecrets(options: AbortOptions = {}): Promise<readonly SecretEntry[]> {
    return this.#askSecrets({ action: "list", name: undefined, value: undefined }, options);
  }

  async setSecret(name: string, value: string | Uint8Array, options: AbortOptions = {}): Promise<SecretEntry> {
    const bytes = typeof value === "string" ? new TextEncoder().encode(value) : value;
    return (await this.#askSecrets({ action: "set", name, value: bytes }, options))[0] as SecretEntry;
  }

  async deleteSecret(name: string, options: AbortOptions = {}): Promise<SecretEntry> {
    const known = (await this.listSecrets(options)).map((secret) => secret.name);
    if (!known.includes(name)) {
      const similar = nearestName(name, known);
      throw flvError("FLV_SECRET_NOT_FOUND", `Secret not found: ${name}`, {
        details: { name },
        hint: similar === undefined ? "see them with `fluvio secret list`" : `did you mean "${similar}"?`,
      });
    }
    return (await this.#askSecrets({ action: "delete", name, value: undefined }, options))[0] as SecretEntry;
  }

  async #askSecrets(request: SecretsRequestInput, options: AbortOptions): Promise<readonly SecretEntry[]> {
    const { error, secrets } = await askExtension(this.#cluster, secretsApi, request, "keep secrets", abortOf(options));
    if (error.name !== "None") throw toFluvioError(error);
    return secrets;
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

  claimConnectorRun(run: ConnectorRun, options: AbortOptions = {}): Promise<boolean> {
    return claimConnectorRun(this.#cluster, run, abortOf(options));
  }

  async holdConnectorRun(run: ConnectorRun, options: AbortOptions = {}): Promise<boolean> {
    return !(await tellConnectorRun(this.#cluster, { action: "hold", ...run }, abortOf(options)));
  }

  async releaseConnectorRun(run: ConnectorRun, options: AbortOptions = {}): Promise<void> {
    await tellConnectorRun(this.#cluster, { action: "release", ...run }, abortOf(options));
  }
}
