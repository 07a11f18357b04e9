import { flvError } from "../../protocol/index.ts";
import type { TransformError } from "./abi.ts";
import { RecordScan } from "./record-scan.ts";
import { COUNT_BYTES } from "./section.ts";

/** Gathers records sections into one. */
export class SectionPieces {
  private readonly pieces: Uint8Array[] = [];
  private recordCount = 0;
  private sizeBytes = 0;

  /** @param section copied */
  add(section: Uint8Array, recordCount: number): void {
    if (recordCount === 0) return;
    this.pieces.push(section.slice(COUNT_BYTES));
    this.recordCount += recordCount;
    this.sizeBytes += section.length - COUNT_BYTES;
  }

  section(): Uint8Array {
    const all = new Uint8Array(COUNT_BYTES + this.sizeBytes);
    new DataView(all.buffer).setInt32(0, this.recordCount);
    let at = COUNT_BYTES;
    for (const piece of this.pieces) {
      all.set(piece, at);
      at += piece.length;
    }
    return all;
  }
}

/**
 * The records behind the one on which a module reported an error; `undefined` when it was the last.
 * @param section what the module was given; its bytes before the result are overwritten
 * @throws FLV_SMARTMODULE_RUNTIME when it was not given such a record
 */
export function sectionBehind(
  section: Uint8Array,
  baseOffset: number,
  error: TransformError,
  module: string,
): Uint8Array | undefined {
  const view = new DataView(section.buffer, section.byteOffset, section.length);
  const count = view.getInt32(0);
  const scan = new RecordScan(section, COUNT_BYTES, section.length);
  for (let index = 0; index < count; index++) {
    scan.next();
    if (baseOffset + scan.offsetDelta !== error.offset || !hasValue(section, scan, error.value)) continue;
    if (index + 1 === count) return undefined;
    view.setInt32(scan.pos - COUNT_BYTES, count - index - 1);
    return section.subarray(scan.pos - COUNT_BYTES);
  }
  throw flvError(
    "FLV_SMARTMODULE_RUNTIME",
    `SmartModule "${module}" reports an error on a record that it was not given`,
    {
      details: { module, offset: error.offset, hint: error.hint },
    },
  );
}

/** Whether a record has this value: those that array_map made of one share its offset. */
function hasValue(section: Uint8Array, scan: RecordScan, value: Uint8Array): boolean {
  // the number of headers, which is always 0, stands behind it
  const end = scan.pos - 1;
  const start = end - value.length;
  if (start < scan.restStart) return false;
  for (let at = 0; at < value.length; at++) if (section[start + at] !== value[at]) return false;
  return true;
}
