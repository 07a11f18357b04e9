import type { AnyCodec } from "../codec.ts";
import * as protocol from "../index.ts";

export interface AnyApi {
  readonly name: string;
  readonly key: number;
  readonly minVersion: number;
  readonly maxVersion: number;
  readonly request: AnyCodec;
  readonly response: AnyCodec;
}

function apis(declared: Readonly<Record<string, unknown>>): readonly AnyApi[] {
  return Object.entries(declared).flatMap(([name, value]) => (name.endsWith("Api") ? [value as AnyApi] : []));
}

/** Every API that the layer exports, found by name so that a new one cannot be forgotten. */
export const ALL_APIS: readonly AnyApi[] = apis(protocol);
