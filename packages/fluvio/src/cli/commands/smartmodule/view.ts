import { formatSize, type SmartModuleReport } from "../../../client/index.ts";
import type { MetadataOf } from "../../../protocol/index.ts";
import { renderKeyValues, renderTable } from "../../output/table.ts";

type SmartModule = MetadataOf<"SmartModule">;

/** What a cluster found in its modules, by their names; empty where the cluster does not say. */
export type SmartModuleReports = ReadonlyMap<string, SmartModuleReport>;

/** What the first releases printed as the status of every module; now of every module that is not known to be broken. */
const STATUS_SHOWN = "SmartModuleStatus";

/** Bytes of the stored, compressed payload. */
function payloadBytes({ spec }: SmartModule): number {
  return spec.summary?.wasmLength ?? spec.wasm.payload.length;
}

/** `group/name@version` of a packaged module. */
export function shownName({ name, spec }: SmartModule): string {
  if (spec.meta === undefined) return name;
  const { group, name: own, version } = spec.meta.package;
  return `${group}/${own}@${version}`;
}

/**
 * The list as the first releases printed it, which scripts and documents rely on: a status that has no content, the
 * size of the stored payload in bytes, and one blank more before each line than other tables have. Modules that cannot
 * run are `invalid`, with the reasons below the table.
 */
export function smartmoduleTable(modules: readonly SmartModule[], reports: SmartModuleReports): string {
  const problems = modules.flatMap((module) => {
    const problem = reports.get(module.name)?.problem;
    return problem === undefined ? [] : [`   ${shownName(module)} cannot run: ${problem.reason}\n`];
  });
  const rows = modules.map((module) => {
    const isInvalid = reports.get(module.name)?.problem !== undefined;
    return [shownName(module), isInvalid ? "invalid" : STATUS_SHOWN, String(payloadBytes(module))];
  });
  const table = renderTable(["NAME", "STATUS", "SIZE"], rows, { indent: 2 });
  return problems.length === 0 ? table : `${table}\n${problems.join("")}`;
}

/** With `--wide`. */
export function smartmoduleWideTable(modules: readonly SmartModule[], reports: SmartModuleReports): string {
  const rows = modules.map((module) => {
    const report = reports.get(module.name);
    return [
      shownName(module),
      statusOf(report) ?? "-",
      String(payloadBytes(module)),
      report?.wasmSizeBytes === undefined ? "-" : String(report.wasmSizeBytes),
      report?.traits?.kind ?? "-",
      report?.sha256?.slice(0, 12) ?? "-",
      report?.problem?.reason ?? "",
    ];
  });
  return renderTable(["NAME", "STATUS", "SIZE", "WASM SIZE", "KIND", "SHA-256", "REASON"], rows, { indent: 2 });
}

export function smartmoduleDetails(module: SmartModule, report: SmartModuleReport | undefined): string {
  const { meta, wasm } = module.spec;
  const status = statusOf(report);
  const lines = [`Name:${shownName(module)}`];
  if (status !== undefined) lines.push(`Status:${status}`);
  if (report?.problem !== undefined) {
    lines.push(`Reason:${report.problem.reason}`);
    if (report.problem.hint !== undefined) lines.push(`Hint:${report.problem.hint}`);
  }
  if (report?.traits !== undefined) lines.push(`Kind:${report.traits.kind}`);
  lines.push(`Size:${formatSize(payloadBytes(module))}`);
  if (report?.wasmSizeBytes !== undefined) lines.push(`Wasm Size:${formatSize(report.wasmSizeBytes)}`);
  if (report?.sha256 !== undefined) lines.push(`SHA-256:${report.sha256}`);
  lines.push(`Format:${wasm.format}`);
  if (report?.traits !== undefined) {
    const { abiVersion, hasInit, hasLookBack, exports, imports } = report.traits;
    lines.push(`ABI Version:${abiVersion}`, `Init:${yesNo(hasInit)}`, `Lookback:${yesNo(hasLookBack)}`);
    lines.push(`Exports:${exports.join(", ")}`, `Imports:${imports.join(", ")}`);
  }
  // what is missing among them is the usual reason
  if (report?.problem !== undefined) lines.push(...problemNames(report.problem));
  if (meta !== undefined) lines.push(...packageLines(meta));
  return renderKeyValues([...lines, "-".repeat(17)]);
}

function problemNames({ exports, imports }: NonNullable<SmartModuleReport["problem"]>): readonly string[] {
  if (exports.length === 0 && imports.length === 0) return [];
  return [`Exports:${exports.join(", ")}`, `Imports:${imports.join(", ")}`];
}

function packageLines(meta: NonNullable<SmartModule["spec"]["meta"]>): readonly string[] {
  const { group, version, apiVersion, visibility, description, license, repository } = meta.package;
  const lines = [`Group:${group}`, `Version:${version}`, `Api Version:${apiVersion}`, `Visibility:${visibility}`];
  if (description !== undefined) lines.push(`Description:${description}`);
  if (license !== undefined) lines.push(`License:${license}`);
  if (repository !== undefined) lines.push(`Repository:${repository}`);
  for (const [name, param] of meta.params) {
    lines.push(`Parameter:${name}${param.optional ? " (optional)" : ""} ${param.description ?? ""}`.trimEnd());
  }
  return lines;
}

/** Stable form for `-O json|yaml|toml`. `status` is empty where the cluster does not say. */
export function smartmoduleObject(module: SmartModule, report: SmartModuleReport | undefined): Record<string, unknown> {
  const { meta, summary, wasm } = module.spec;
  return {
    name: module.name,
    spec: {
      ...(meta === undefined ? {} : { meta: { package: meta.package, params: Object.fromEntries(meta.params) } }),
      ...(summary === undefined ? {} : { summary }),
      wasm: { format: wasm.format.toUpperCase(), payload: Buffer.from(wasm.payload).toString("base64") },
    },
    status: report === undefined ? {} : statusObject(report),
  };
}

function statusObject(report: SmartModuleReport): Record<string, unknown> {
  const { problem, traits, wasmSizeBytes, sha256 } = report;
  return {
    resolution: statusOf(report) ?? "unknown",
    ...(problem === undefined
      ? {}
      : {
          reason: problem.reason,
          ...(problem.hint === undefined ? {} : { hint: problem.hint }),
          ...{ exports: problem.exports, imports: problem.imports },
        }),
    ...(wasmSizeBytes === undefined ? {} : { wasmSizeBytes }),
    ...(sha256 === undefined ? {} : { sha256 }),
    ...(traits ?? {}),
  };
}

function statusOf(report: SmartModuleReport | undefined): "valid" | "invalid" | undefined {
  if (report?.problem !== undefined) return "invalid";
  return report?.traits === undefined ? undefined : "valid";
}

function yesNo(is: boolean): string {
  return is ? "yes" : "no";
}
