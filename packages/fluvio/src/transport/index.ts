export { memoryTransport } from "./memory.ts";
export { connect } from "./tcp-client.ts";
export { serve } from "./tcp-server.ts";
export * from "./types.ts";
