import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { AnyCodec } from "./codec.ts";
import * as protocol from "./index.ts";
import {
  decodeBatch,
  decodeRecords,
  encodeRecords,
  hashKey,
  Reader,
  splitBatches,
  validateBatch,
  Writer,
} from "./index.ts";
import { varint } from "./primitives.ts";
import { ALL_APIS, type AnyApi } from "./testing/all-apis.ts";
import { fromHex, toHex, toJson } from "./testing/plain-json.ts";

const VECTORS = new URL("../../../../tests/vectors/", import.meta.url);

interface Vector {
  readonly name: string;
  readonly layout: string;
  readonly version: number;
  readonly hex: string;
  readonly value: unknown;
}
interface Frame {
  readonly scenario: string;
  readonly port: "sc" | "spu";
  readonly dir: "request" | "response";
  readonly api: string;
  readonly version: number;
  readonly hex: string;
}

const vectors = JSON.parse(readFileSync(new URL("protocol.json", VECTORS), "utf8")) as Vector[];
const frames = readFileSync(new URL("frames.jsonl", VECTORS), "utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line) as Frame);

function apiNamed(name: string): AnyApi {
  const found = ALL_APIS.find((candidate) => candidate.name === name);
  if (found === undefined) throw new Error(`no API ${name}`);
  return found;
}

/** Decodes a frame and encodes what came out; every byte must have been read. */
function roundTrip(api: AnyApi, dir: "request" | "response", version: number, frame: Uint8Array) {
  const headerCodec = dir === "request" ? protocol.RequestHeader : protocol.ResponseHeader;
  const reader = new Reader(frame);
  const header = headerCodec.read(reader, 0);
  const body: unknown = api[dir].read(reader, version);
  const writer = new Writer();
  const writeHeader: AnyCodec["write"] = headerCodec.write;
  writeHeader(writer, header, 0);
  api[dir].write(writer, body, version);
  return { header, body, encoded: writer.finishBytes(), unread: reader.remaining };
}

describe("frames recorded between the original's clients and its cluster", () => {
  it("are there in number", () => {
    expect(frames.length).toBe(225);
  });

  it.each(
    frames.map((frame, line) => [`line ${line + 1}: ${frame.scenario} ${frame.port} ${frame.api} ${frame.dir}`, frame]),
  )("%s", (_name, frame) => {
    const { encoded, unread, header } = roundTrip(apiNamed(frame.api), frame.dir, frame.version, fromHex(frame.hex));
    expect(toHex(encoded)).toBe(frame.hex);
    expect(unread).toBe(0);
    if ("apiKey" in header)
      expect(header).toMatchObject({ apiKey: apiNamed(frame.api).key, apiVersion: frame.version });
  });

  it("hold batches whose CRC and counts are right", () => {
    const recordSets: Uint8Array[] = [];
    for (const frame of frames) {
      if (frame.api !== "Produce" && frame.api !== "StreamFetch") continue;
      const { body } = roundTrip(apiNamed(frame.api), frame.dir, frame.version, fromHex(frame.hex));
      collectRecords(body, recordSets);
    }
    const batches = recordSets.flatMap((set) => splitBatches(set).batches);
    expect(batches.length).toBeGreaterThan(20);
    for (const batch of batches) {
      const header = validateBatch(batch, { allowEmpty: true });
      expect(decodeBatch(batch).length).toBeLessThanOrEqual(header.lastOffsetDelta + 1);
    }
  });
});

function collectRecords(value: unknown, into: Uint8Array[]): void {
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return;
  for (const [name, field] of Object.entries(value)) {
    if (name === "records" && field instanceof Uint8Array) into.push(field);
    else collectRecords(field, into);
  }
}

describe("bytes written by the original", () => {
  it("are there in number", () => {
    expect(vectors.length).toBe(48);
  });

  it.each(vectors.map((vector) => [vector.name, vector]))("%s", (_name, vector) => {
    const bytes = fromHex(vector.hex);
    if (vector.layout === "varint") {
      expect(protocol.decode(varint, bytes, 0)).toBe(vector.value);
      expect(toHex(protocol.encode(varint, vector.value as number, 0))).toBe(vector.hex);
    } else if (vector.layout === "keyHash") {
      const { high, low } = hashKey(bytes);
      expect(`${hex32(high)}${hex32(low)}`).toBe(vector.value);
    } else if (vector.layout === "records") {
      const records = decodeRecords(bytes);
      expect(toJson(records)).toEqual(vector.value);
      expect(toHex(encodeRecords(records))).toBe(vector.hex);
    } else if (vector.layout === "batch") {
      expect(toJson({ header: validateBatch(bytes), records: decodeBatch(bytes) })).toEqual(vector.value);
      const codec = validateBatch(bytes).compression;
      // gzip differs from encoder to encoder
      if (codec !== "gzip") expect(toHex(rebuilt(bytes))).toBe(vector.hex);
    } else if (vector.layout === "SmartModuleInvocation") {
      const value = protocol.decode(protocol.SmartModuleInvocation, bytes, vector.version);
      expect(toJson(value)).toEqual(vector.value);
      expect(toHex(protocol.encode(protocol.SmartModuleInvocation, value, vector.version))).toBe(vector.hex);
    } else {
      const [api, dir] = vector.layout.split(".") as [string, "request" | "response"];
      const length = new DataView(bytes.buffer).getInt32(0);
      expect(length).toBe(bytes.length - 4);
      const { header, body, encoded, unread } = roundTrip(apiNamed(api), dir, vector.version, bytes.subarray(4));
      expect(toJson({ header, body })).toEqual(vector.value);
      expect(toHex(encoded)).toBe(vector.hex.slice(8));
      expect(unread).toBe(0);
    }
  });
});

function hex32(value: number): string {
  return value.toString(16).padStart(8, "0");
}

function rebuilt(batch: Uint8Array): Uint8Array {
  const builder = new protocol.BatchBuilder();
  for (const { key, value, timestampMs } of decodeBatch(batch)) builder.append(key, value, timestampMs);
  return builder.build(validateBatch(batch).compression);
}
