import type { Redis } from "ioredis";

/** An entry of a stream. */
export interface Entry {
  readonly stream: string;
  readonly id: string;
  /** Names and values in turn; `undefined` when it was deleted while it was pending. */
  readonly fields: readonly Buffer[] | undefined;
}

type RawEntry = readonly [Buffer, readonly Buffer[] | null];

function entriesOf(stream: string, raw: readonly RawEntry[]): Entry[] {
  return raw.map(([id, fields]) => ({ stream, id: id.toString(), fields: fields ?? undefined }));
}

export interface ReadOptions {
  readonly group: string;
  readonly consumer: string;
  readonly countMax: number;
  /** How long the server waits for entries; without it the entries that were given to this consumer before are read. */
  readonly blockMs?: number;
}

/** Entries of the streams behind the ids (`>`: those that no consumer of the group was given), by stream. */
export async function readGroup(
  client: Redis,
  streams: ReadonlyMap<string, string>,
  { group, consumer, countMax, blockMs }: ReadOptions,
): Promise<Entry[]> {
  const block = blockMs === undefined ? [] : ["BLOCK", blockMs];
  const names = [...streams.keys()];
  const reply = (await client.callBuffer("XREADGROUP", [
    ...["GROUP", group, consumer, "COUNT", countMax, ...block, "STREAMS"],
    ...names,
    ...streams.values(),
  ])) as readonly (readonly [Buffer, readonly RawEntry[]])[] | null;
  return (reply ?? []).flatMap(([name, raw]) => entriesOf(name.toString(), raw));
}

/** Takes over entries that a consumer of the group was given and has not acknowledged for a while. */
export async function claim(
  client: Redis,
  stream: string,
  options: ReadOptions & { readonly idleMs: number; readonly from: string },
): Promise<{ readonly next: string; readonly entries: Entry[] }> {
  const { group, consumer, countMax, idleMs, from } = options;
  const [next, raw] = (await client.callBuffer("XAUTOCLAIM", [
    ...[stream, group, consumer, idleMs, from, "COUNT", countMax],
  ])) as readonly [Buffer, readonly RawEntry[]];
  return { next: next.toString(), entries: entriesOf(stream, raw) };
}

/** How many entries the group has not been given yet; `undefined` where the server does not know it. */
export async function lagOf(client: Redis, stream: string, group: string): Promise<number | undefined> {
  const groups = (await client.call("XINFO", "GROUPS", stream)) as readonly (readonly unknown[])[];
  const own = groups.find((one) => one[one.indexOf("name") + 1] === group) ?? [];
  const lag = own.includes("lag") ? own[own.indexOf("lag") + 1] : undefined;
  return typeof lag === "number" ? lag : undefined;
}

/** Makes the group, and the stream where there is none. */
export async function ensureGroup(client: Redis, stream: string, group: string, start: string): Promise<void> {
  try {
    await client.xgroup("CREATE", stream, group, start, "MKSTREAM");
  } catch (error) {
    if (!(error instanceof Error) || !error.message.startsWith("BUSYGROUP")) throw error;
  }
}

/** All fields as a JSON object; values that are not UTF-8 are replaced lossily. */
export function asJson(fields: readonly Buffer[]): string {
  const found: Record<string, string> = {};
  for (let at = 0; at + 1 < fields.length; at += 2) found[String(fields[at])] = String(fields[at + 1]);
  return JSON.stringify(found);
}

export function fieldNamed(fields: readonly Buffer[], name: string): Buffer | undefined {
  for (let at = 0; at + 1 < fields.length; at += 2) if (String(fields[at]) === name) return fields[at + 1];
  return undefined;
}
