/** Kinds by the name of the export that a host calls. */
export type SmartModuleKind = "filter" | "map" | "filter_map" | "array_map" | "aggregate";

/** A function that a SmartModule may export, and how its source has to declare it. */
export interface FunctionForm {
  /** Its name in the source. */
  readonly name: string;
  /** Its name in the wasm. */
  readonly exportName: SmartModuleKind | "init" | "look_back";
  readonly isTransform: boolean;
  readonly parameters: readonly string[];
  /** How it is declared, to be shown. */
  readonly declaration: string;
}

const RECORD = ["SmartRecord"];

export const FUNCTION_FORMS: readonly FunctionForm[] = [
  {
    name: "filter",
    exportName: "filter",
    isTransform: true,
    parameters: RECORD,
    declaration: "export function filter(record: SmartRecord): bool",
  },
  {
    name: "map",
    exportName: "map",
    isTransform: true,
    parameters: RECORD,
    declaration: "export function map(record: SmartRecord): string",
  },
  {
    name: "filterMap",
    exportName: "filter_map",
    isTransform: true,
    parameters: RECORD,
    declaration: "export function filterMap(record: SmartRecord): string | null",
  },
  {
    name: "arrayMap",
    exportName: "array_map",
    isTransform: true,
    parameters: RECORD,
    declaration: "export function arrayMap(record: SmartRecord): string[]",
  },
  {
    name: "aggregate",
    exportName: "aggregate",
    isTransform: true,
    parameters: ["Bytes", "SmartRecord"],
    declaration: "export function aggregate(accumulator: Bytes, record: SmartRecord): string",
  },
  {
    name: "init",
    exportName: "init",
    isTransform: false,
    parameters: ["Params"],
    declaration: "export function init(params: Params): void",
  },
  {
    name: "lookBack",
    exportName: "look_back",
    isTransform: false,
    parameters: RECORD,
    declaration: "export function lookBack(record: SmartRecord): void",
  },
];
