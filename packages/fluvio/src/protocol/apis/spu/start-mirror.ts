import { api } from "../../api.ts";
import type { Infer, InputOf } from "../../schema.ts";
import { nothing, string, struct } from "../../schema.ts";

export const StartMirrorRequest = struct({ remoteReplica: string, remoteClusterId: string });
export type StartMirrorRequest = Infer<typeof StartMirrorRequest>;
export type StartMirrorRequestInput = InputOf<typeof StartMirrorRequest>;

/** Turns the connection into one between SPUs; it has no answer of its own. */
export const startMirrorApi = api({
  name: "StartMirror",
  key: 2000,
  minVersion: 0,
  maxVersion: 25,
  fallbackVersion: 25,
  request: StartMirrorRequest,
  response: nothing,
});
