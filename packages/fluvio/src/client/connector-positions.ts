import {
  CONNECTOR_POSITION_BYTES_MAX,
  type ConnectorPositionsRequestInput,
  connectorPositionsApi,
  flvError,
  type KeptConnectorPosition,
  toFluvioError,
} from "../protocol/index.ts";
import type { AbortOptions } from "../transport/index.ts";
import type { ConnectorPosition, ConnectorPositionChange } from "./admin-types.ts";
import type { Cluster } from "./cluster.ts";
import { askExtension } from "./extension.ts";

type Asked = Pick<ConnectorPositionsRequestInput, "action" | "name">;

/**
 * Asks for positions of source connectors, or resets one.
 * @throws FLV_UNSUPPORTED when the cluster keeps none | FLV_SERVER | FLV_CONNECT
 */
export async function askConnectorPositions(
  cluster: Cluster,
  { action, name }: Asked,
  options: AbortOptions,
): Promise<readonly ConnectorPosition[]> {
  const request = { action, name, position: new Uint8Array(0), writer: "", follows: undefined };
  const what = "keep positions of connectors";
  const { error, positions } = await askExtension(cluster, connectorPositionsApi, request, what, options);
  if (error.name !== "None") throw toFluvioError(error, name === undefined ? {} : { name });
  return positions.map(shown);
}

/** {@link FluvioAdmin.keepConnectorPosition} */
export async function keepConnectorPosition(
  cluster: Cluster,
  { name, position, writer, follows }: ConnectorPositionChange,
  options: AbortOptions,
): Promise<void> {
  const bytes = new TextEncoder().encode(JSON.stringify(position));
  if (bytes.length > CONNECTOR_POSITION_BYTES_MAX) throw tooLarge(name, bytes.length);
  // the session's own connection: whoever keeps a position has read the one before, so the cluster knows the request
  const { connection } = await cluster.session(options);
  const request = { action: "keep", name, position: bytes, writer, follows } as const;
  const { error, superseded } = await connection.request(connectorPositionsApi, request, options);
  if (error.name !== "None") throw toFluvioError(error, { name });
  if (superseded) throw replaced(name);
}

function shown({ name, position, writer, modifiedTimeMs }: KeptConnectorPosition): ConnectorPosition {
  try {
    return { name, position: JSON.parse(new TextDecoder().decode(position)) as unknown, writer, modifiedTimeMs };
  } catch (cause) {
    throw flvError("FLV_DECODE", `The position of connector ${name} is not JSON`, {
      details: { name, sizeBytes: position.length },
      hint: "reset it: the connector then begins anew",
      cause,
    });
  }
}

function tooLarge(name: string, sizeBytes: number): Error {
  const sentence = `The position of connector ${name} has ${sizeBytes} bytes, ${CONNECTOR_POSITION_BYTES_MAX} are allowed`;
  return flvError("FLV_CONNECTOR_POSITION", sentence, {
    details: { name, sizeBytes, sizeBytesMax: CONNECTOR_POSITION_BYTES_MAX },
    hint: "keep less in it: what is needed to go on, not what was seen",
  });
}

function replaced(name: string): Error {
  const sentence = `The position of connector ${name} was reset, or another connector of this name keeps its own`;
  return flvError("FLV_CONNECTOR_POSITION", sentence, {
    details: { name },
    hint: "run one connector of a name at a time; started again, this one goes on with what is kept now",
  });
}
