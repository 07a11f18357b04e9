import {
  type ConnectorControlRequest,
  type ConnectorControlResponseInput,
  type ConnectorStatsRequest,
  type ConnectorStatsResponseInput,
  flvError,
  NO_ERROR,
  partitionName,
  type SecretsRequest,
  type SecretsResponseInput,
} from "../../protocol/index.ts";
import type { AdminParts } from "./admin-requests.ts";
import type { ConnectorCounters } from "./connector-host.ts";
import { errorStatus } from "./refusal.ts";
import type { Stores } from "./stores.ts";

type Parts = Pick<AdminParts, "connectors" | "secrets" | "context">;

/** The answer to ConnectorControl; never throws. */
export async function controlConnector(
  { connectors }: Parts,
  { name, action }: ConnectorControlRequest,
): Promise<ConnectorControlResponseInput> {
  try {
    await connectors.control(name, action);
    return { error: NO_ERROR, message: undefined };
  } catch (error) {
    const { errorCode, errorMessage } = errorStatus(name, error);
    return { error: errorCode, message: errorMessage };
  }
}

/** The answer to ConnectorStats; never throws. */
export function connectorStats(parts: Parts, { names }: ConnectorStatsRequest): ConnectorStatsResponseInput {
  try {
    for (const name of names) parts.connectors.check(name);
    const asked = parts.connectors.counters().filter(({ name }) => names.length === 0 || names.includes(name));
    const { stores } = parts.context;
    const connectors = asked.map((counters) => ({ ...counters, lag: lagOf(counters, stores) }));
    return { error: NO_ERROR, message: undefined, connectors };
  } catch (error) {
    const { errorCode, errorMessage } = errorStatus("", error);
    return { error: errorCode, message: errorMessage, connectors: [] };
  }
}

/**
 * Records behind a sink's position, in the partitions where it is known; of a source what its system says, in the unit of
 * its counters.
 */
export function lagOf({ direction, lag, topic, positions }: ConnectorCounters, stores: Stores): number | undefined {
  if (direction !== "sink") return lag;
  if (positions.length === 0) return undefined;
  return positions.reduce((sum, { partition, nextOffset }) => {
    const end = stores.partitions.get(partitionName(topic, partition))?.status.leader.hw ?? nextOffset;
    return sum + Math.max(0, end - nextOffset);
  }, 0);
}

/** The answer to Secrets; never throws. */
export async function answerSecrets(parts: Parts, request: SecretsRequest): Promise<SecretsResponseInput> {
  const { action, name, value } = request;
  const { connectors, secrets } = parts;
  const shown = (entries: ReturnType<typeof secrets.list>) =>
    entries.map((entry) => ({ ...entry, usedBy: connectors.usersOfSecret(entry.name) }));
  try {
    if (action === "list") return { error: NO_ERROR, secrets: shown(secrets.list()) };
    if (name === undefined) throw flvError("FLV_ARGUMENT", "The name of the secret is missing");
    const named = () => shown(secrets.list().filter((one) => one.name === name));
    const before = named();
    if (action === "set") await secrets.set(name, value ?? new Uint8Array(0));
    else await secrets.delete(name);
    connectors.secretChanged(name);
    return { error: NO_ERROR, secrets: action === "set" ? named() : before };
  } catch (error) {
    return { error: errorStatus(name ?? "", error).errorCode, secrets: [] };
  }
}
