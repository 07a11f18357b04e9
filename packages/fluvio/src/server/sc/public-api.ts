import {
  type Api,
  type ApiVersionsResponseInput,
  aggregateStatesApi,
  apiVersionsApi,
  type ConnectorLogsRequest,
  connectorControlApi,
  connectorLogsApi,
  connectorPositionsApi,
  connectorRunsApi,
  connectorStatsApi,
  createApi,
  decode,
  deleteApi,
  flvError,
  inspectSmartModulesApi,
  listApi,
  mirroringApi,
  NO_ERROR,
  SC_API_VERSIONS,
  secretsApi,
  smartModuleStatsApi,
  switchSmartModuleApi,
  updateApi,
  Writer,
  watchApi,
} from "../../protocol/index.ts";
import type { RequestHeader, ServerConnection } from "../../transport/index.ts";
import { type AdminParts, create, remove, update } from "./admin-requests.ts";
import { answerSecrets, connectorStats, controlConnector } from "./connector-requests.ts";
import { list } from "./list-requests.ts";
import { errorStatus } from "./refusal.ts";
import { inspectSmartModules, smartModuleStats, switchSmartModule } from "./smartmodule-requests.ts";
import { type ClientWatch, watch } from "./watch-requests.ts";

const SEMVER = /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$/;
const NO_MIRRORING = "Mirroring is not supported yet: this cluster does not serve remote clusters";

export interface PublicApiOptions {
  readonly parts: AdminParts;
  readonly platformVersion: string;
}

/** Answers requests on the SC's public port. What it throws ends the connection, and only that one. */
export class PublicApi {
  readonly #parts: AdminParts;
  readonly #platformVersion: string;

  constructor(options: PublicApiOptions) {
    this.#parts = options.parts;
    this.#platformVersion = options.platformVersion;
  }

  /** Resolves when a one-shot request is answered; streams go on by themselves. */
  async handle(header: RequestHeader, body: Uint8Array, connection: ServerConnection): Promise<void> {
    const version = header.apiVersion;
    switch (header.apiKey) {
      case apiVersionsApi.key:
        return answer(
          apiVersionsApi,
          header,
          connection,
          this.#versions(decode(apiVersionsApi.request, body, version)),
        );
      case createApi.key:
        return answer(
          createApi,
          header,
          connection,
          await create(this.#parts, decode(createApi.request, body, version)),
        );
      case deleteApi.key:
        return answer(
          deleteApi,
          header,
          connection,
          await remove(this.#parts, decode(deleteApi.request, body, version)),
        );
      case updateApi.key:
        return answer(
          updateApi,
          header,
          connection,
          await update(this.#parts, decode(updateApi.request, body, version)),
        );
      case listApi.key:
        return answer(listApi, header, connection, list(this.#parts, decode(listApi.request, body, version)));
      case watchApi.key:
        return this.#startWatch(header, body, connection);
      case mirroringApi.key:
        return this.#refuseMirroring(header, body, connection);
      case connectorLogsApi.key:
        return this.#startLog(header, decode(connectorLogsApi.request, body, version), connection);
      case connectorPositionsApi.key: {
        const request = decode(connectorPositionsApi.request, body, version);
        return answer(connectorPositionsApi, header, connection, await this.#parts.connectorPositions.answer(request));
      }
      case connectorRunsApi.key: {
        const request = decode(connectorRunsApi.request, body, version);
        return answer(connectorRunsApi, header, connection, this.#parts.connectorRuns.answer(request));
      }
      case secretsApi.key: {
        const request = decode(secretsApi.request, body, version);
        return answer(secretsApi, header, connection, await answerSecrets(this.#parts, request));
      }
      case connectorControlApi.key: {
        const request = decode(connectorControlApi.request, body, version);
        return answer(connectorControlApi, header, connection, await controlConnector(this.#parts, request));
      }
      case connectorStatsApi.key: {
        const request = decode(connectorStatsApi.request, body, version);
        return answer(connectorStatsApi, header, connection, connectorStats(this.#parts, request));
      }
      case inspectSmartModulesApi.key: {
        const request = decode(inspectSmartModulesApi.request, body, version);
        return answer(inspectSmartModulesApi, header, connection, inspectSmartModules(this.#parts, request));
      }
      case smartModuleStatsApi.key: {
        const request = decode(smartModuleStatsApi.request, body, version);
        return answer(smartModuleStatsApi, header, connection, await smartModuleStats(this.#parts, request));
      }
      case aggregateStatesApi.key: {
        const request = decode(aggregateStatesApi.request, body, version);
        return answer(aggregateStatesApi, header, connection, await this.#parts.aggregateStates.answer(request));
      }
      case switchSmartModuleApi.key: {
        const request = decode(switchSmartModuleApi.request, body, version);
        return answer(switchSmartModuleApi, header, connection, await switchSmartModule(this.#parts, request));
      }
      default:
        throw flvError("FLV_INVALID_REQUEST", `unknown API ${header.apiKey} on the port of the SC`, {
          details: { apiKey: header.apiKey, apiVersion: version, clientId: header.clientId },
        });
    }
  }

  #versions({ clientVersion }: { readonly clientVersion: string }): ApiVersionsResponseInput {
    if (!SEMVER.test(clientVersion)) {
      throw flvError("FLV_INVALID_REQUEST", `client version "${clientVersion.slice(0, 80)}" is no semantic version`);
    }
    return {
      errorCode: NO_ERROR,
      apiKeys: SC_API_VERSIONS,
      platformVersion: this.#platformVersion,
    };
  }

  #startWatch(header: RequestHeader, body: Uint8Array, connection: ServerConnection): void {
    const opened = watch(this.#parts, decode(watchApi.request, body, header.apiVersion));
    endsWithConnection(this.#sendChanges(opened, header, connection), connection);
  }

  async #sendChanges(opened: ClientWatch, header: RequestHeader, connection: ServerConnection): Promise<void> {
    try {
      // waiting for room in the socket is what merges the changes that a slow watcher misses
      for (;;) await answer(watchApi, header, connection, await opened.next(connection.signal));
    } finally {
      opened.close();
    }
  }

  async #refuseMirroring(header: RequestHeader, body: Uint8Array, connection: ServerConnection): Promise<void> {
    const request = decode(mirroringApi.request, body, header.apiVersion);
    if (request.label === "unknown") {
      throw flvError("FLV_INVALID_REQUEST", `no mirroring for objects of type "${request.unknownLabel}"`);
    }
    await answer(mirroringApi, header, connection, {
      name: request.body.remoteId,
      errorCode: { name: "Other", message: NO_MIRRORING },
      errorMessage: NO_MIRRORING,
      topics: [],
    });
  }

  #startLog(header: RequestHeader, request: ConnectorLogsRequest, connection: ServerConnection): void {
    endsWithConnection(this.#sendLog(header, request, connection), connection);
  }

  async #sendLog(header: RequestHeader, request: ConnectorLogsRequest, connection: ServerConnection): Promise<void> {
    let nextByte = request.fromByte;
    const send = (chunk: Uint8Array, error: unknown, end: boolean) =>
      answer(connectorLogsApi, header, connection, {
        error: error === undefined ? NO_ERROR : errorStatus(request.name, error).errorCode,
        chunk,
        nextByte,
        end,
      });
    try {
      const { fromByte, follow } = request;
      for await (const chunk of this.#parts.connectors.readLog(request.name, {
        fromByte,
        follow,
        signal: connection.signal,
      })) {
        nextByte += chunk.length;
        await send(chunk, undefined, false);
      }
      await send(new Uint8Array(0), undefined, true);
    } catch (error) {
      if (connection.signal.aborted) return;
      await send(new Uint8Array(0), error, true);
    }
  }
}

/** A stream runs on after its request is handled; when it fails, the client learns it by the closed connection. */
function endsWithConnection(stream: Promise<void>, connection: ServerConnection): void {
  stream.catch((error: unknown) => {
    if (!connection.signal.aborted) connection.close(error instanceof Error ? error : new Error(String(error)));
  });
}

function answer<Req, ReqIn, Res, ResIn>(
  api: Api<Req, ReqIn, Res, ResIn>,
  header: RequestHeader,
  connection: ServerConnection,
  body: ResIn,
): Promise<void> {
  const writer = new Writer();
  writer.i32(header.correlationId);
  api.response.write(writer, body, header.apiVersion);
  return connection.send(writer.finish());
}
