import type { FunctionForm } from "./functions.ts";

/** Name of the entry within the compiler; no file of the user has such a name. */
export const ENTRY_NAME = "~smartmodule-entry.ts";

const PARAMETERS = "ptr: usize, size: i32, version: i32";
const OPEN = "(ptr, size, version)";
const SDK = "@fluvio/smartmodule/abi";

/** Error numbers of the kinds that {@link mapLike} writes. */
const ERROR_KINDS: Readonly<Record<string, number>> = { map: 1, array_map: 2, filter_map: 4 };

/**
 * The entry of the wasm: the functions that a host calls, around the ones that the user wrote.
 * @param user path of the user's file as it is imported
 */
export function entrySource(user: string, functions: readonly FunctionForm[]): string {
  const parts = functions.map((form) => BODIES[form.exportName](form));
  const imports = new Set(parts.flatMap((part) => part.imports.map(({ file, names }) => `${file}:${names}`)));
  const importLines = [...imports].map((entry) => {
    const [file, names] = entry.split(":");
    return `import { ${names} } from "${SDK}/${file}";`;
  });
  return [
    `import * as user from "./${user}";`,
    `import { nextRecord } from "${SDK}/frame";`,
    `import { record } from "@fluvio/smartmodule/record";`,
    ...importLines,
    `export { alloc, dealloc } from "${SDK}/memory";`,
    ...parts.map((part) => part.text),
    "",
  ].join("\n");
}

interface Part {
  readonly imports: readonly { readonly file: string; readonly names: string }[];
  readonly text: string;
}

const BODIES: Readonly<Record<FunctionForm["exportName"], (form: FunctionForm) => Part>> = {
  filter: () => ({
    imports: [{ file: "filter", names: "closeFilter, keepRecord, openFilter" }],
    text: `export function filter(${PARAMETERS}): i32 {
  if (!openFilter${OPEN}) return -11;
  while (nextRecord()) keepRecord(user.filter(record));
  return closeFilter();
}`,
  }),
  map: () => mapLike("map", "emitChanged(user.map(record));"),
  filter_map: () => mapLike("filter_map", "emitSome(user.filterMap(record));"),
  array_map: () => mapLike("array_map", "emitAll(user.arrayMap(record));"),
  aggregate: () => ({
    imports: [{ file: "map", names: "accumulator, closeAggregate, emitAccumulator, openAggregate" }],
    text: `export function aggregate(${PARAMETERS}): i32 {
  const code = openAggregate${OPEN};
  if (code < 0) return code;
  while (nextRecord()) emitAccumulator(user.aggregate(accumulator(), record));
  return closeAggregate();
}`,
  }),
  init: () => ({
    imports: [{ file: "init", names: "closeInit, openInit, refuseInit" }],
    text: `export function init(${PARAMETERS}): i32 {
  const params = openInit${OPEN};
  if (params === null) return refuseInit();
  user.init(params);
  return closeInit();
}`,
  }),
  look_back: () => ({
    imports: [{ file: "init", names: "closeLookBack, openLookBack" }],
    text: `export function look_back(${PARAMETERS}): i32 {
  if (!openLookBack${OPEN}) return -66;
  while (nextRecord()) user.lookBack(record);
  return closeLookBack();
}`,
  }),
};

function mapLike(exportName: string, body: string): Part {
  const emit = body.slice(0, body.indexOf("("));
  return {
    imports: [{ file: "map", names: `closeMap, ${emit}, openMap` }],
    text: `export function ${exportName}(${PARAMETERS}): i32 {
  if (!openMap${OPEN}) return -11;
  while (nextRecord()) ${body}
  return closeMap(${ERROR_KINDS[exportName]});
}`,
  };
}
