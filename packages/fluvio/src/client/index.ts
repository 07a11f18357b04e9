export type * from "./admin-types.ts";
export type * from "./client-types.ts";
export type * from "./types.ts";
