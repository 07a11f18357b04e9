import type { MetadataOf } from "../../protocol/index.ts";

/** A SmartModule as users name it: `name`, `group/name`, `name@version` or `group/name@version`. */
export interface QualifiedName {
  readonly name: string;
  readonly group?: string | undefined;
  readonly version?: string | undefined;
}

export function parseQualifiedName(text: string): QualifiedName {
  const slash = text.indexOf("/");
  const at = text.indexOf("@", slash + 1);
  return {
    name: text.slice(slash + 1, at < 0 ? undefined : at),
    group: slash < 0 ? undefined : text.slice(0, slash),
    version: at < 0 ? undefined : text.slice(at + 1),
  };
}

/** The key that a packaged module is stored under. */
export function storeKey({ name, group, version }: QualifiedName): string {
  return `${name}-${group ?? ""}-${version ?? ""}`;
}

/** Matches the package of a module, or its key when it has none. */
export function matchesQualified(object: MetadataOf<"SmartModule">, wanted: QualifiedName): boolean {
  const pkg = object.spec.meta?.package;
  if (pkg === undefined)
    return wanted.group === undefined && wanted.version === undefined && object.name === wanted.name;
  return (
    pkg.name === wanted.name &&
    (wanted.group === undefined || pkg.group === wanted.group) &&
    (wanted.version === undefined || pkg.version === wanted.version)
  );
}

/** Whether `name`, under which a module was used, is meant by `wanted`, where group and version may be left out. */
export function matchesName(name: string, wanted: string): boolean {
  if (name === wanted) return true;
  const [has, wants] = [parseQualifiedName(name), parseQualifiedName(wanted)];
  return (
    has.name === wants.name &&
    (wants.group === undefined || has.group === wants.group) &&
    (wants.version === undefined || has.version === wants.version)
  );
}
