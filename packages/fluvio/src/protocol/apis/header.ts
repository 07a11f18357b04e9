import type { Infer } from "../schema.ts";
import { i16, i32, string, struct, u16 } from "../schema.ts";

/** Precedes the body of every request. The body, and the answer, are encoded with `apiVersion`. */
export const RequestHeader = struct({ apiKey: u16, apiVersion: i16, correlationId: i32, clientId: string });
export type RequestHeader = Infer<typeof RequestHeader>;

/** Precedes the body of every answer. */
export const ResponseHeader = struct({ correlationId: i32 });
export type ResponseHeader = Infer<typeof ResponseHeader>;

/** `clientId` of requests that name none. */
export const CLIENT_ID_DEFAULT = "fluvio";

export const SC_PUBLIC_PORT_DEFAULT = 9003;
export const SC_PRIVATE_PORT_DEFAULT = 9004;
/** Public port of the first SPU of a local cluster; the next ones follow in steps of {@link SPU_PORT_STEP}. */
export const SPU_PUBLIC_PORT_DEFAULT = 9010;
export const SPU_PRIVATE_PORT_DEFAULT = 9011;
export const SPU_PORT_STEP = 10;

/** Frames carry a 32-bit length before them, which does not count itself. */
export const FRAME_LENGTH_BYTES = 4;
/** Longest frame that is read unless configured otherwise. */
export const FRAME_BYTES_MAX_DEFAULT = 64 * 1024 * 1024;
