import { createHash } from "node:crypto";
import type { Position } from "fluvio/connector";
import { z } from "zod";
import type { NextPage } from "./pages.ts";

/** What a source keeps of one run for the next. */
export interface Place {
  /** When the last request was due, milliseconds since the epoch. */
  readonly askedAt?: number | undefined;
  readonly etag?: string | undefined;
  readonly lastModified?: string | undefined;
  /** Of the last body. */
  readonly digest?: string | undefined;
  /** The page that is due, when the pages of a request are not finished. */
  readonly next?: NextPage | undefined;
  /** The last cursor that was given. */
  readonly cursor?: NextPage | undefined;
  /** Of an event stream. */
  readonly eventId?: string | undefined;
}

const text = z.string().optional();
const stored = z.object({
  of: z.string(),
  askedAt: z.number().optional(),
  etag: text,
  lastModified: text,
  digest: text,
  next: text,
  cursor: text,
  eventId: text,
});

/** Tells requests apart without showing them: positions are not secret, parts of a URL may be. */
export function requestDigest(parts: readonly string[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 16);
}

/** @param of the request that it belongs to: that of another endpoint is of no use */
export function encodePlace(place: Place, of: string): Position {
  return JSON.parse(JSON.stringify({ of, ...place })) as Position;
}

/** @returns `undefined` when there is none, or that of another request */
export function decodePlace(position: Position | undefined, of: string): Place | undefined {
  const result = stored.safeParse(position);
  return result.success && result.data.of === of ? result.data : undefined;
}
