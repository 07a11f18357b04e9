import type { ConnectorPosition, ConsumerOffset, FluvioClient } from "../../../client/index.ts";
import type { ConnectorConfig } from "../../../connector/index.ts";
import { isFluvioError } from "../../../protocol/index.ts";
import { renderTable } from "../../output/table.ts";
import { yamlText } from "../../output/yaml-text.ts";
import { agoText } from "./ago.ts";
import { connectorLayer } from "./find.ts";

/** What the cluster keeps of how far a connector is. */
export interface ConnectorProgress {
  /** Of a source: what it goes on from. */
  readonly position: ConnectorPosition | undefined;
  /** Of a sink. */
  readonly consumerId: string;
  /** In order of the partitions; none when nothing was committed. */
  readonly offsets: readonly ConsumerOffset[];
}

/** Asks for both, since a type does not always tell whether a connector is a source or a sink. */
export async function progressOf(
  client: FluvioClient,
  config: ConnectorConfig,
  signal: AbortSignal,
): Promise<ConnectorProgress> {
  const { consumerIdOf, withoutUrlSecrets } = await connectorLayer();
  const consumerId = consumerIdOf(config);
  const kept = await client
    .admin()
    .connectorPosition(config.name, { signal })
    .catch((error: unknown) => {
      // a cluster of the original keeps none
      if (isFluvioError(error) && error.code === "FLV_UNSUPPORTED") return undefined;
      throw error;
    });
  const offsets = await client.consumerOffsets({ consumerId, signal });
  return {
    // a place may be a URL that a system gave for the next page
    position: kept && { ...kept, position: JSON.parse(withoutUrlSecrets(JSON.stringify(kept.position))) as unknown },
    consumerId,
    offsets: offsets.filter(({ topic }) => topic === config.topic).sort((a, b) => a.partition - b.partition),
  };
}

/** Lines below the file, as comments: the whole is still a file that creates the connector. Empty when nothing is kept. */
export function progressComments({ position, consumerId, offsets }: ConnectorProgress, nowMs: number): string {
  const at = (timeMs: number) => `${agoText(timeMs, nowMs)} (${new Date(timeMs).toISOString()})`;
  const lines: string[] = [];
  if (position !== undefined) {
    lines.push(`position, kept ${at(position.modifiedTimeMs)}:`, ...textLines(yamlText(position.position)));
  }
  if (offsets.length > 0) {
    const rows = offsets.map(({ partition, offset, modifiedTimeMs }) => [
      ...[String(partition), String(offset), at(modifiedTimeMs)],
    ]);
    const table = renderTable(["PARTITION", "OFFSET", "COMMITTED"], rows, { indent: 0 });
    lines.push(`offsets of the last records that consumer ${consumerId} has committed:`, ...textLines(table));
  }
  return lines.map((line) => `# ${line}\n`).join("");
}

function textLines(text: string): readonly string[] {
  return text
    .replace(/\n$/, "")
    .split("\n")
    .map((line) => `  ${line.trimEnd()}`);
}

/** For `-O json|yaml|toml`; what is not kept is absent. */
export function progressObject({ position, consumerId, offsets }: ConnectorProgress): Record<string, unknown> {
  return {
    ...(position === undefined
      ? {}
      : { position: { kept: position.position, modified: new Date(position.modifiedTimeMs).toISOString() } }),
    ...(offsets.length === 0
      ? {}
      : {
          consumer: {
            id: consumerId,
            offsets: offsets.map(({ partition, offset, modifiedTimeMs }) => ({
              ...{ partition, offset, modified: new Date(modifiedTimeMs).toISOString() },
            })),
          },
        }),
  };
}
