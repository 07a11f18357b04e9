import type { Codec } from "./schema.ts";

/** One API: its key on a port, the versions a server accepts, and the layouts of both directions. */
export interface Api<Req, ReqIn, Res, ResIn> {
  readonly name: string;
  readonly key: number;
  /** Versions this side speaks, inclusive. */
  readonly minVersion: number;
  readonly maxVersion: number;
  readonly request: Codec<Req, ReqIn>;
  readonly response: Codec<Res, ResIn>;
  /** What a client sends when the server's list has no overlapping entry for the key; absent: fail. */
  readonly fallbackVersion?: number;
}

export function api<Req, ReqIn, Res, ResIn>(declaration: Api<Req, ReqIn, Res, ResIn>): Api<Req, ReqIn, Res, ResIn> {
  return declaration;
}
