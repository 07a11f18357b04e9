import { ValueError } from "../command.ts";

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** Parses `host:port`; an IPv6 host stands in brackets. @throws ValueError */
export function endpoint(given: string): Endpoint {
  const match = /^(\[[^\]]+\]|[^:]+):(\d{1,5})$/.exec(given);
  const port = Number(match?.[2]);
  if (match === null || port > 65_535) throw new ValueError(given, "expected HOST:PORT");
  return { host: (match[1] ?? "").replace(/^\[|\]$/g, ""), port };
}
