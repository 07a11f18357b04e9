import type { WindowState } from "../types.ts";
import { varintSize, wideVarintSize, writeVarint, writeWideVarint } from "./record-scan.ts";
import { COUNT_BYTES, countOf } from "./section.ts";

const ENCODER = new TextEncoder();

export interface ClosedWindow extends WindowState {
  /** Delta of the record that closed it. */
  readonly offsetDelta: number;
}

/** Parts of a section's records, as bytes and as records. */
interface Part {
  readonly start: number;
  readonly end: number;
  readonly count: number;
}

/** Puts parts of a records section together, in a buffer that is used again. */
export class SectionBuffer {
  private bytes = new Uint8Array(0);

  /** A records section of the parts; the section itself when they are all of it. Valid until the next call. */
  gather(section: Uint8Array, parts: readonly Part[]): Uint8Array {
    const [first] = parts;
    if (parts.length === 1 && first?.start === COUNT_BYTES && first.count === countOf(section)) return section;
    let sizeBytes = COUNT_BYTES;
    let count = 0;
    for (const part of parts) {
      sizeBytes += part.end - part.start;
      count += part.count;
    }
    if (this.bytes.length < sizeBytes) this.bytes = new Uint8Array(sizeBytes * 2);
    new DataView(this.bytes.buffer).setInt32(0, count);
    let at = COUNT_BYTES;
    for (const { start, end } of parts) {
      this.bytes.set(section.subarray(start, end), at);
      at += end - start;
    }
    return this.bytes.subarray(0, sizeBytes);
  }
}

/**
 * A records section with a record for each window: its key is the window's start and end as `START/END` (ms since 1970,
 * decimal), its value the accumulator, its timestamp the end, its offset that of the record that closed the window.
 */
export function closedWindows(windows: readonly ClosedWindow[], baseTimestampMs: number): Uint8Array {
  const records = windows.map((window) => {
    const key = ENCODER.encode(`${window.startMs}/${window.endMs}`);
    const timestampDelta = window.endMs - baseTimestampMs;
    const { accumulator: value, offsetDelta } = window;
    const headBytes = 1 + wideVarintSize(timestampDelta) + varintSize(offsetDelta);
    const bodyBytes = headBytes + 1 + varintSize(key.length) + key.length + varintSize(value.length) + value.length + 1;
    return { key, value, timestampDelta, offsetDelta, bodyBytes };
  });
  const sizeBytes = records.reduce((sum, { bodyBytes }) => sum + varintSize(bodyBytes) + bodyBytes, COUNT_BYTES);
  const section = new Uint8Array(sizeBytes);
  new DataView(section.buffer).setInt32(0, records.length);
  let at = COUNT_BYTES;
  for (const { key, value, timestampDelta, offsetDelta, bodyBytes } of records) {
    // the attributes before and the headers behind stay 0
    at = writeVarint(section, at, bodyBytes) + 1;
    at = writeWideVarint(section, at, timestampDelta);
    at = writeVarint(section, at, offsetDelta);
    section[at++] = 1;
    at = writeVarint(section, at, key.length);
    section.set(key, at);
    at = writeVarint(section, at + key.length, value.length);
    section.set(value, at);
    at += value.length + 1;
  }
  return section;
}
