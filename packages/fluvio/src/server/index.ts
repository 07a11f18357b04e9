export { type Clock, systemClock } from "./clock.ts";
export * from "./link.ts";
export * from "./sc/connector-host.ts";
export { createSpu, SPU_LIMITS_DEFAULT, type Spu, type SpuLimits, type SpuOptions } from "./spu/index.ts";
