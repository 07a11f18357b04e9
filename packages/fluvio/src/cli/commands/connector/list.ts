import { command, flag } from "../../command.ts";
import { outputOption, printListing } from "../../output/format.ts";
import { renderTable } from "../../output/table.ts";
import { connectorLayer } from "./find.ts";

/** As the seeds show it: begins with one blank, and the cells with another. */
const SEED_INDENT = { indent: 0 };

const STATUS_WORDS = {
  initializing: "Init",
  invalid: "Invalid",
  pending: "Pending",
  running: "Running",
  failed: "Failed",
  stopped: "Stopped",
  paused: "Paused",
} as const;

export const list = command({
  noun: "connector",
  verb: "list",
  summary: "List the connectors of the cluster",
  options: {
    output: outputOption,
    wide: flag({
      long: "wide",
      summary: "Also show type, version, topic, process, restarts and the reason of a failure",
    }),
  },
  run: async (input, io) => {
    const { decodeConfig } = await connectorLayer();
    const found = await (await io.connect()).admin().listConnectors([], { signal: io.signal });
    const connectors = found.map(({ name, spec, status }) => ({ name, config: decodeConfig(spec.config), status }));
    printListing(io.stdout, {
      format: input.output,
      plural: "connectors",
      empty: "no managed connectors",
      objects: connectors.map(({ name, config, status }) => ({
        name,
        type: config.type,
        version: config.version,
        topic: config.topic,
        status: STATUS_WORDS[status.resolution],
        reason: status.reason,
        processId: status.processId,
        restarts: status.restarts,
      })),
      table: () =>
        input.wide
          ? renderTable(
              ["NAME", "TYPE", "VERSION", "TOPIC", "STATUS", "PID", "RESTARTS", "REASON"],
              connectors.map(({ name, config, status }) => [
                name,
                config.type,
                config.version,
                config.topic,
                STATUS_WORDS[status.resolution],
                String(status.processId ?? "-"),
                String(status.restarts),
                status.reason,
              ]),
              SEED_INDENT,
            )
          : renderTable(
              ["NAME", "STATUS"],
              connectors.map(({ name, status }) => [name, statusCell(status)]),
              SEED_INDENT,
            ),
    });
    return 0;
  },
});

/** A failure without its reason would only raise the question; a sink that runs has one while its target is away. */
function statusCell(status: { readonly resolution: keyof typeof STATUS_WORDS; readonly reason: string }): string {
  const word = STATUS_WORDS[status.resolution];
  const tellsReason = status.resolution !== "stopped" && status.reason !== "";
  return tellsReason ? `${word} (${status.reason})` : word;
}
