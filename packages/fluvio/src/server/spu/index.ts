export type { SpuLimits } from "./limits.ts";
export { createSpu } from "./spu.ts";
export type { Spu } from "./types.ts";
