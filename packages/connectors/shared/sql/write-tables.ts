import type { SinkContext } from "fluvio/connector";
import { groupOptions, type WriteOptions } from "./options.ts";
import { TableWriter, type TableWriterOptions } from "./table-writer.ts";

/** What is written where; the rest is in the connector's options. */
type TableTarget = Pick<TableWriterOptions, "dialect" | "read" | "memory" | "between">;

/** Runs a sink that writes rows, until it is to end. */
export async function writeTables(context: SinkContext<WriteOptions>, target: TableTarget): Promise<void> {
  const { config, deliver } = context;
  const writer = await TableWriter.open({
    ...{ context, ...target },
    createTable: config["create-table"],
    offsetsTable: config["offsets-table"],
    timeoutMs: config.timeout,
  });
  if (writer === undefined) return;
  try {
    await deliver((group, signal) => writer.write(group, signal), {
      ...groupOptions(config.batch),
      positions: writer.positions,
    });
  } finally {
    await writer.close();
  }
}
