/** Everything that layouts are declared with. */
export * from "./codec.ts";
export * from "./composites.ts";
export * from "./primitives.ts";
