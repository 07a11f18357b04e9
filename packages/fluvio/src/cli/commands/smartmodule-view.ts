import { formatSize } from "../../client/index.ts";
import type { MetadataOf } from "../../protocol/index.ts";
import { renderKeyValues, renderTable } from "../output/table.ts";

type SmartModule = MetadataOf<"SmartModule">;

/** Bytes of the stored, compressed payload. */
function payloadBytes({ spec }: SmartModule): number {
  return spec.summary?.wasmLength ?? spec.wasm.payload.length;
}

/** `group/name@version` of a packaged module. */
function shownName({ name, spec }: SmartModule): string {
  if (spec.meta === undefined) return name;
  const { group, name: own, version } = spec.meta.package;
  return `${group}/${own}@${version}`;
}

/**
 * The list as the first releases printed it, which scripts and documents rely on: a status that has no content, the
 * size of the stored payload in bytes, and one blank more before each line than other tables have.
 */
export function smartmoduleTable(modules: readonly SmartModule[]): string {
  const rows = modules.map((module) => [shownName(module), "SmartModuleStatus", String(payloadBytes(module))]);
  return renderTable(["NAME", "STATUS", "SIZE"], rows, { indent: 2 });
}

export function smartmoduleDetails(module: SmartModule): string {
  const { meta, wasm } = module.spec;
  const lines = [`Name:${shownName(module)}`, `Size:${formatSize(payloadBytes(module))}`, `Format:${wasm.format}`];
  if (meta !== undefined) {
    lines.push(`Api Version:${meta.package.apiVersion}`, `Visibility:${meta.package.visibility}`);
    if (meta.package.description !== undefined) lines.push(`Description:${meta.package.description}`);
    if (meta.package.license !== undefined) lines.push(`License:${meta.package.license}`);
    if (meta.package.repository !== undefined) lines.push(`Repository:${meta.package.repository}`);
    for (const [name, param] of meta.params) {
      lines.push(`Parameter:${name}${param.optional ? " (optional)" : ""} ${param.description ?? ""}`.trimEnd());
    }
  }
  return renderKeyValues([...lines, "-".repeat(17)]);
}

/** Stable form for `-O json|yaml|toml`. */
export function smartmoduleObject(module: SmartModule): Record<string, unknown> {
  const { meta, summary, wasm } = module.spec;
  return {
    name: module.name,
    spec: {
      ...(meta === undefined ? {} : { meta: { package: meta.package, params: Object.fromEntries(meta.params) } }),
      ...(summary === undefined ? {} : { summary }),
      wasm: { format: wasm.format.toUpperCase(), payload: Buffer.from(wasm.payload).toString("base64") },
    },
    status: {},
  };
}
