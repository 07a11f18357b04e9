import { CsvRows } from "./csv-rows.ts";
import type { FormatOptions } from "./format-options.ts";
import { type Frame, Framer } from "./framer.ts";
import { JsonScanner, LineScanner, RowScanner } from "./scanners.ts";

/** Where decoding goes on: behind the last record that was given. */
export interface DecoderPlace {
  /** Bytes of the document before it, unpacked. */
  readonly offset: number;
  /** What has to be known besides: the header of CSV, whether JSON is within an array. */
  readonly state?: string | undefined;
}

/** Bytes that are no record. */
export interface InvalidRecord {
  readonly offset: number;
  readonly reason: string;
  /** As much of it as is at hand. */
  readonly bytes: Uint8Array;
  /** So many values of the same call stand before it. */
  readonly valuesBefore: number;
}

export interface Decoded {
  /** Values of the records, in order; bytes are views of what was pushed. */
  readonly values: readonly (Uint8Array | string)[];
  readonly invalid: readonly InvalidRecord[];
}

/** Makes records of the bytes of a document. */
export interface RecordDecoder {
  readonly place: DecoderPlace;
  /** Whether bytes wait for the rest of their record. */
  readonly hasPending: boolean;
  /** @param chunk must not change any more */
  push(chunk: Uint8Array): Decoded;
  /** The document ends here: what has no end mark is a record too. */
  end(): Decoded;
}

const BOM = [0xef, 0xbb, 0xbf] as const;
const NEWLINE = 0x0a;
const RETURN = 0x0d;

/** @param place where a decoder of the same options was, or the beginning */
export function recordDecoder(options: FormatOptions, place: DecoderPlace = { offset: 0 }): RecordDecoder {
  const sizeBytesMax = options["max-record-size"];
  const from = place.offset;
  if (options.format === "csv") {
    const rows = new CsvRows(options.csv, place.state);
    const framer = new Framer(new RowScanner(rows.delimiter.charCodeAt(0)), sizeBytesMax, from);
    return decoder(
      framer,
      (frames) => rows.parse(frames),
      () => rows.state,
    );
  }
  if (options.format === "json") {
    const framer = new Framer(new JsonScanner(place.state), sizeBytesMax, from);
    return decoder(framer, jsonValues, () => framer.state);
  }
  const framer = new Framer(new LineScanner(), sizeBytesMax, from);
  const values = options.format === "lines" ? lineValues : (frames: readonly Frame[]) => jsonValues(frames.map(line));
  return decoder(framer, values, () => undefined);
}

function decoder(
  framer: Framer,
  decode: (frames: readonly Frame[]) => Decoded,
  state: () => string | undefined,
): RecordDecoder {
  return {
    get place() {
      return { offset: framer.offset, state: state() };
    },
    get hasPending() {
      return framer.hasPending;
    },
    push: (chunk) => decode(framer.push(chunk).map(withoutBom)),
    end: () => decode(framer.end().map(withoutBom)),
  };
}

function withoutBom(frame: Frame): Frame {
  if (frame.offset > 0 || !BOM.every((byte, at) => frame.bytes[at] === byte)) return frame;
  return { ...frame, bytes: frame.bytes.subarray(BOM.length) };
}

function line(frame: Frame): Frame {
  const { bytes } = frame;
  let end = bytes.length;
  if (bytes[end - 1] === NEWLINE) end--;
  if (bytes[end - 1] === RETURN) end--;
  return { ...frame, bytes: bytes.subarray(0, end) };
}

function lineValues(frames: readonly Frame[]): Decoded {
  const values: Uint8Array[] = [];
  const invalid: InvalidRecord[] = [];
  for (const frame of frames) {
    const { bytes, offset, problem } = line(frame);
    if (problem === undefined) values.push(bytes);
    else invalid.push({ offset, bytes, reason: problem, valuesBefore: values.length });
  }
  return { values, invalid };
}

/** Values stay as they are written; empty ones are left out. */
function jsonValues(frames: readonly Frame[]): Decoded {
  const values: Uint8Array[] = [];
  const invalid: InvalidRecord[] = [];
  const text = new TextDecoder("utf-8", { fatal: true });
  for (const { bytes, offset, problem } of frames) {
    try {
      if (problem !== undefined) throw new Error(problem);
      const json = text.decode(bytes);
      if (json.trim() === "") continue;
      JSON.parse(json);
      values.push(bytes);
    } catch (error) {
      const reason = problem ?? `it is not JSON: ${error instanceof Error ? error.message : error}`;
      invalid.push({ offset, bytes, reason, valuesBefore: values.length });
    }
  }
  return { values, invalid };
}
