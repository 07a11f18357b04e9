import {
  type FluvioAdmin,
  formatDuration,
  formatSize,
  type SmartModuleCounters,
  type SmartModuleStatsReport,
} from "../../../client/index.ts";
import { command, optionalArgs } from "../../command.ts";
import type { Io } from "../../io.ts";
import { formatObject, type OutputFormat, outputOption } from "../../output/format.ts";
import { renderTable } from "../../output/table.ts";
import { untilNext, watchOptions } from "../../watching.ts";

export const smartmoduleStats = command({
  noun: "smartmodule",
  verb: "stats",
  summary: "What SmartModules did: records, bytes, errors, time",
  description:
    "Counters of SmartModules on the SPUs and in managed connectors since these started, by the name under which they " +
    "were used. SmartModules that run in a producer's own process, or in a connector that the cluster does not manage, " +
    "are not counted. ERRORS are records that a module refused " +
    "itself, FAILURES are traps and crossed limits, LATE are records whose window had closed.",
  args: { names: optionalArgs({ name: "name", summary: "Only these SmartModules" }) },
  options: {
    output: outputOption,
    ...watchOptions,
  },
  examples: [
    { command: "fluvio smartmodule stats" },
    { text: "one module, live", command: "fluvio smartmodule stats my-filter --watch" },
  ],
  run: async ({ names, output, watch, interval }, io) => {
    const admin = (await io.connect()).admin();
    await show(io, admin, names, output);
    while (watch && (await untilNext(interval, io.signal))) {
      io.stdout.print();
      await show(io, admin, names, output);
    }
    return 0;
  },
});

async function show(io: Io, admin: FluvioAdmin, names: readonly string[], format: OutputFormat): Promise<void> {
  const stats = await admin.smartModuleStats(names, { signal: io.signal });
  if (format !== "table") {
    io.stdout.print(formatObject({ modules: stats.modules.map(withTimePerRecord), spus: stats.spus }, format));
    return;
  }
  await io.stdout.write(statsText(stats, io.now()));
  for (const { spu, problem } of stats.spus) {
    if (problem !== undefined) io.stderr.print(`not counted: SPU ${spu}: ${problem}`);
  }
}

function withTimePerRecord(counters: SmartModuleCounters): SmartModuleCounters & { readonly timePerRecordMs: number } {
  return { ...counters, timePerRecordMs: counters.recordsIn === 0 ? 0 : counters.timeMs / counters.recordsIn };
}

const HEADER = [
  "NAME",
  "CHAINS",
  "CALLS",
  "RECORDS IN",
  "RECORDS OUT",
  "BYTES IN",
  "BYTES OUT",
  "ERRORS",
  "FAILURES",
  "LATE",
  "TIME",
  "TIME/RECORD",
  "MEMORY",
];

function statsText({ modules, spus }: SmartModuleStatsReport, nowMs: number): string {
  const since = spus.flatMap(({ sinceMs }) => sinceMs ?? []);
  const sinceText = since.length === 0 ? "" : `counted ${sinceWords(Math.min(...since), nowMs)}\n`;
  if (modules.length === 0) return `no SmartModule was used in the cluster\n${sinceText}`;
  const rows = modules.map((counters) => [
    counters.name,
    String(counters.chains),
    String(counters.invocations),
    String(counters.recordsIn),
    String(counters.recordsOut),
    formatSize(counters.bytesIn),
    formatSize(counters.bytesOut),
    String(counters.recordErrors),
    String(counters.failures),
    String(counters.lateRecords),
    timeText(counters.timeMs),
    counters.recordsIn === 0 ? "-" : timeText(counters.timeMs / counters.recordsIn),
    formatSize(counters.memoryBytes),
  ]);
  const align = HEADER.map((_, column) => (column === 0 ? "left" : "right"));
  return `${renderTable(HEADER, rows, { align })}${sinceText}`;
}

function sinceWords(sinceMs: number, nowMs: number): string {
  const seconds = Math.max(0, Math.floor((nowMs - sinceMs) / 1000));
  return `since ${new Date(sinceMs).toISOString()} (${formatDuration(seconds * 1000)})`;
}

/** Three digits or so of a time that may be anything from nanoseconds to hours. */
function timeText(timeMs: number): string {
  if (timeMs >= 1000) return `${(timeMs / 1000).toFixed(2)} s`;
  if (timeMs >= 1) return `${timeMs.toFixed(1)} ms`;
  if (timeMs >= 0.001) return `${(timeMs * 1000).toFixed(1)} µs`;
  return `${Math.round(timeMs * 1_000_000)} ns`;
}
