import type { Infer, InputOf } from "../schema.ts";
import { array, bool, enumeration, optional, string, struct } from "../schema.ts";

const Color = enumeration("TableFormatColor", "blue", "yellow", "green");

export const TableFormatColumn = struct({
  headerLabel: optional(string),
  width: optional(string),
  alignment: optional(enumeration("TableFormatAlignment", "left", "right", "center")),
  keyPath: string,
  format: optional(string),
  display: optional(bool),
  primaryKey: optional(bool),
  headerBgColor: optional(Color),
  headerTextColor: optional(Color),
});
export type TableFormatColumn = Infer<typeof TableFormatColumn>;

export const TableFormatSpec = struct({
  name: string,
  inputFormat: optional(enumeration("DataFormat", "json")),
  columns: optional(array(TableFormatColumn)),
  smartmodule: optional(string),
});
export type TableFormatSpec = Infer<typeof TableFormatSpec>;
export type TableFormatSpecInput = InputOf<typeof TableFormatSpec>;

export const TableFormatStatus = struct({
  resolution: enumeration("TableFormatStatusResolution", "init", "invalid", "running", "pending", "failed"),
  reason: optional(string),
});
export type TableFormatStatus = Infer<typeof TableFormatStatus>;
