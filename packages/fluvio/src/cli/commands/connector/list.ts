import type { ConnectorStats, FluvioAdmin } from "../../../client/index.ts";
import type { ConnectorConfig } from "../../../connector/index.ts";
import { isFluvioError } from "../../../protocol/index.ts";
import { command, flag } from "../../command.ts";
import { outputOption, printListing } from "../../output/format.ts";
import { renderTable } from "../../output/table.ts";
import { agoText, secondsText } from "./ago.ts";
import { connectorLayer } from "./find.ts";
import { lagText } from "./lag-text.ts";
import { STATUS_WORDS } from "./status-words.ts";

/** As the seeds show it: begins with one blank, and the cells with another. */
const SEED_INDENT = { indent: 0 };

export const list = command({
  noun: "connector",
  verb: "list",
  summary: "List the connectors of the cluster",
  options: {
    output: outputOption,
    wide: flag({
      long: "wide",
      summary: "Also show type, version, topic, process, restarts, counters and the reason of a failure",
    }),
  },
  run: async (input, io) => {
    const { decodeConfig } = await connectorLayer();
    const admin = (await io.connect()).admin();
    const found = await admin.listConnectors([], { signal: io.signal });
    const waits = found.some(({ status }) => status.resolution === "failed");
    const counted = input.wide || waits ? await countersByName(admin, io.signal) : new Map<string, ConnectorStats>();
    const connectors = found.map(({ name, spec, status }) => ({
      ...{ name, config: decodeConfig(spec.config), status, counters: counted.get(name) },
    }));
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
              WIDE_HEADER,
              connectors.map((one) => wideRow(one, io.now())),
              SEED_INDENT,
            )
          : renderTable(
              ["NAME", "STATUS"],
              connectors.map(({ name, status, counters }) => [name, statusCell(status, counters, io.now())]),
              SEED_INDENT,
            ),
    });
    return 0;
  },
});

const WIDE_HEADER = [
  ...["NAME", "TYPE", "VERSION", "TOPIC", "STATUS", "PID", "RESTARTS"],
  ...["IN", "OUT", "ERRORS", "LAG", "LAST RECORD", "REASON"],
];

interface Listed {
  readonly name: string;
  readonly config: ConnectorConfig;
  readonly status: { readonly resolution: keyof typeof STATUS_WORDS; readonly reason: string } & Process;
  readonly counters: ConnectorStats | undefined;
}

interface Process {
  readonly processId: number | undefined;
  readonly restarts: number;
}

function wideRow({ name, config, status, counters }: Listed, nowMs: number): readonly string[] {
  const counted = (of: (counters: ConnectorStats) => number | undefined): string =>
    String((counters === undefined ? undefined : of(counters)) ?? "-");
  return [
    ...[name, config.type, config.version, config.topic, STATUS_WORDS[status.resolution]],
    ...[String(status.processId ?? "-"), String(status.restarts)],
    counted(({ recordsIn }) => recordsIn),
    counted(({ recordsOut }) => recordsOut),
    counted(({ skipped, deadLettered }) => skipped + deadLettered),
    lagText(counters),
    agoText(counters?.lastRecordMs, nowMs),
    reasonText(status, counters, nowMs),
  ];
}

/** Empty where the cluster is one that does not count. */
async function countersByName(admin: FluvioAdmin, signal: AbortSignal): Promise<ReadonlyMap<string, ConnectorStats>> {
  const counted = await admin.connectorStats([], { signal }).catch((error: unknown) => {
    if (isFluvioError(error) && error.code === "FLV_UNSUPPORTED") return [];
    throw error;
  });
  return new Map(counted.map((one) => [one.name, one]));
}

/** A pause that is nearly over is no "0s". */
const SOON_MS = 1000;

/** Why it is in its state, and of a failed one when it is tried again. */
function reasonText(
  { resolution, reason }: Listed["status"],
  counters: ConnectorStats | undefined,
  nowMs: number,
): string {
  const next = resolution === "failed" ? counters?.nextStartMs : undefined;
  return next === undefined ? reason : `${reason}; next try in ${secondsText(Math.max(SOON_MS, next - nowMs))}`;
}

/** A failure without its reason would only raise the question; a sink that runs has one while its target is away. */
function statusCell(status: Listed["status"], counters: ConnectorStats | undefined, nowMs: number): string {
  const word = STATUS_WORDS[status.resolution];
  const tellsReason = status.resolution !== "stopped" && status.reason !== "";
  return tellsReason ? `${word} (${reasonText(status, counters, nowMs)})` : word;
}
