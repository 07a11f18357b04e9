import { type ConnectorStats, type FluvioAdmin, formatSize } from "../../../client/index.ts";
import { command, optionalArgs } from "../../command.ts";
import type { Io } from "../../io.ts";
import { type OutputFormat, outputOption, printListing } from "../../output/format.ts";
import { renderTable } from "../../output/table.ts";
import { untilNext, watchOptions } from "../../watching.ts";
import { agoText } from "./ago.ts";
import { existingConnector } from "./find.ts";
import { lagText } from "./lag-text.ts";

export const stats = command({
  noun: "connector",
  verb: "stats",
  summary: "What connectors did: records, bytes, errors, lag, restarts",
  description:
    "Counters of managed connectors since the cluster started, over restarts of their processes; they are up to two seconds " +
    "old. IN is what a source took from its system or a sink read from its topic, OUT what the topic or the target has. " +
    "REFUSED counts refusals by a SmartModule or the target; SKIPPED and DEAD-LETTERED are the records that were left out " +
    "or put into the dead-letter topic. LAG is what waits: the records in the topic of a sink; in the system of a source " +
    "records, bytes or objects, or `-` where it does not tell.",
  args: { names: optionalArgs({ name: "NAME", summary: "Only these connectors" }) },
  options: {
    output: outputOption,
    ...watchOptions,
  },
  examples: [
    { command: "fluvio connector stats" },
    { text: "one connector, live", command: "fluvio connector stats cat-facts --watch" },
  ],
  run: async ({ names, output, watch, interval }, io) => {
    const admin = (await io.connect()).admin();
    for (const name of names) await existingConnector(admin, name);
    await show(io, admin, names, output);
    while (watch && (await untilNext(interval, io.signal))) {
      io.stdout.print();
      await show(io, admin, names, output);
    }
    return 0;
  },
});

const HEADER = [
  "NAME",
  "TYPE",
  "RECORDS IN",
  "BYTES IN",
  "RECORDS OUT",
  "BYTES OUT",
  "REFUSED",
  "SKIPPED",
  "DEAD-LETTERED",
  "LAG",
  "RESTARTS",
  "LAST RECORD",
  "LAST ERROR",
];
/** Names and texts to the left, numbers to the right. */
const ALIGN = HEADER.map((title) => (["NAME", "TYPE", "LAST ERROR"].includes(title) ? "left" : "right"));

async function show(io: Io, admin: FluvioAdmin, names: readonly string[], format: OutputFormat): Promise<void> {
  const found = await admin.connectorStats(names, { signal: io.signal });
  printListing(io.stdout, {
    format,
    plural: "connectors",
    empty: "no managed connectors",
    objects: found,
    table: () =>
      renderTable(
        HEADER,
        found.map((one) => row(one, io.now())),
        { indent: 0, align: ALIGN },
      ),
  });
}

function row(counted: ConnectorStats, nowMs: number): readonly string[] {
  return [
    counted.name,
    counted.type,
    String(counted.recordsIn),
    formatSize(counted.bytesIn),
    String(counted.recordsOut),
    formatSize(counted.bytesOut),
    String(counted.refused),
    String(counted.skipped),
    String(counted.deadLettered),
    lagText(counted),
    String(counted.restarts),
    agoText(counted.lastRecordMs, nowMs),
    counted.lastError === undefined ? "-" : `${agoText(counted.lastErrorMs, nowMs)}: ${counted.lastError}`,
  ];
}
