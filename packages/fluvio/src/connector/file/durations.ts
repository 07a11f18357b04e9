import { parseDurationMs } from "../../client/index.ts";

/** A duration in a connector file, in milliseconds; a bare number means seconds. @throws FLV_ARGUMENT */
export function parseDuration(text: string): number {
  return parseDurationMs(text, { bareUnitMs: 1000 });
}
