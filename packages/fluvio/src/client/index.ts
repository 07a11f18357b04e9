export type * from "./admin-types.ts";
export type * from "./client-types.ts";
export type * from "./types.ts";
export { formatDuration, formatSize, type ParseDurationOptions, parseDurationMs, parseSizeBytes } from "./units.ts";
