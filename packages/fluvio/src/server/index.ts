export { type Clock, systemClock } from "./clock.ts";
export * from "./link.ts";
export * from "./sc/connector-host.ts";
