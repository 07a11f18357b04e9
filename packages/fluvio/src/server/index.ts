export * from "./link.ts";
export * from "./sc/connector-host.ts";
