import { RecordScan, varintSize, writeVarint } from "./record-scan.ts";
import { COUNT_BYTES, countOf } from "./section.ts";

/** Gathers what an array_map makes of each record, with the offset and time of that record. */
export class ArrayMapOutput {
  private bytes: Uint8Array;
  private used = COUNT_BYTES;
  recordCount = 0;

  constructor(sizeHint: number) {
    this.bytes = new Uint8Array(sizeHint + COUNT_BYTES);
  }

  get sizeBytes(): number {
    return this.used;
  }

  /**
   * Adds the records that were made of one.
   * @param section records section of `count` records; copied
   */
  add(section: Uint8Array, count: number, deltas: { readonly timestampDelta: number; readonly offsetDelta: number }) {
    const { timestampDelta, offsetDelta } = deltas;
    const deltaBytes = varintSize(timestampDelta) + varintSize(offsetDelta);
    const made = new RecordScan(section, COUNT_BYTES, section.length);
    for (let i = 0; i < count; i++) {
      made.next();
      const restBytes = made.pos - made.restStart;
      const bodyBytes = 1 + deltaBytes + restBytes;
      this.room(varintSize(bodyBytes) + bodyBytes);
      let at = writeVarint(this.bytes, this.used, bodyBytes);
      this.bytes[at++] = section[made.bodyStart] as number;
      at = writeVarint(this.bytes, at, timestampDelta);
      at = writeVarint(this.bytes, at, offsetDelta);
      this.bytes.set(section.subarray(made.restStart, made.pos), at);
      this.used = at + restBytes;
    }
    this.recordCount += count;
  }

  private room(count: number): void {
    if (this.used + count <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(this.used + count, this.bytes.length * 2));
    grown.set(this.bytes.subarray(0, this.used));
    this.bytes = grown;
  }

  /** All of it as one records section. */
  section(): Uint8Array {
    new DataView(this.bytes.buffer).setInt32(0, this.recordCount);
    return this.bytes.subarray(0, this.used);
  }
}

/** The records of a section, one at a time: each as a section of its own, in a buffer that is used again. */
export class SingleRecords {
  private readonly section: Uint8Array;
  private readonly scan: RecordScan;
  private single = new Uint8Array(0);
  readonly count: number;

  constructor(section: Uint8Array) {
    this.section = section;
    this.count = countOf(section);
    this.scan = new RecordScan(section, COUNT_BYTES, section.length);
  }

  /** Deltas of the record that {@link SingleRecords.next} gave. */
  get deltas(): { readonly timestampDelta: number; readonly offsetDelta: number } {
    return this.scan;
  }

  /** @throws FLV_DECODE when the bytes are no record */
  next(): Uint8Array {
    const { scan } = this;
    scan.next();
    const size = COUNT_BYTES + scan.pos - scan.start;
    if (this.single.length < size) this.single = new Uint8Array(size * 2);
    this.single[COUNT_BYTES - 1] = 1;
    this.single.set(this.section.subarray(scan.start, scan.pos), COUNT_BYTES);
    return this.single.subarray(0, size);
  }
}
