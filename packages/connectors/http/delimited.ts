const LINE_END = Buffer.from("\n");
const RETURN = 0x0d;

/** Cuts a stream of bytes at a delimiter; lines may end with CR LF. Holds one record at most, and no more than its largest size. */
export class DelimitedReader {
  readonly #delimiter: Buffer;
  readonly #recordSizeBytesMax: number;
  /** The beginning of a record whose end has not come; `#length` bytes of it count. */
  #held = Buffer.alloc(0);
  #length = 0;
  /** The rest of a record that is too large goes by. */
  #isSkipping = false;
  /** Records that were too large. */
  skipped = 0;

  constructor(delimiter: string, recordSizeBytesMax: number) {
    this.#delimiter = Buffer.from(delimiter);
    this.#recordSizeBytesMax = recordSizeBytesMax;
  }

  /** The records that end within these bytes, empty ones left out; views of `chunk` where they can be. */
  *push(chunk: Buffer): Generator<Uint8Array> {
    let from = 0;
    if (this.#length > 0) {
      // A delimiter may lie across the border of two pieces.
      const overlap = Math.min(this.#length, this.#delimiter.length - 1);
      const border = Buffer.concat([
        this.#held.subarray(this.#length - overlap, this.#length),
        chunk.subarray(0, this.#delimiter.length - 1),
      ]);
      const across = border.indexOf(this.#delimiter);
      const end = across < 0 ? chunk.indexOf(this.#delimiter) : across - overlap;
      if (end < 0 && across < 0) {
        this.#hold(chunk);
        return;
      }
      const whole =
        end < 0
          ? Buffer.from(this.#held.subarray(0, this.#length + end))
          : Buffer.concat([this.#held.subarray(0, this.#length), chunk.subarray(0, end)]);
      this.#length = 0;
      from = end + this.#delimiter.length;
      yield* this.#record(whole);
    }
    for (;;) {
      const end = chunk.indexOf(this.#delimiter, from);
      if (end < 0) break;
      yield* this.#record(chunk.subarray(from, end));
      from = end + this.#delimiter.length;
    }
    this.#hold(chunk.subarray(from));
  }

  /** What came after the last delimiter: the last record of a stream that ended as it should. */
  *end(): Generator<Uint8Array> {
    const rest = Buffer.from(this.#held.subarray(0, this.#length));
    this.#length = 0;
    yield* this.#record(rest);
  }

  *#record(bytes: Uint8Array): Generator<Uint8Array> {
    if (this.#isSkipping || bytes.length > this.#recordSizeBytesMax) {
      this.#isSkipping = false;
      this.skipped++;
      return;
    }
    const isLineWithReturn = this.#delimiter.equals(LINE_END) && bytes.at(-1) === RETURN;
    const record = isLineWithReturn ? bytes.subarray(0, -1) : bytes;
    if (record.length > 0) yield record;
  }

  #hold(bytes: Uint8Array): void {
    const needed = this.#length + bytes.length;
    if (needed > this.#recordSizeBytesMax + this.#delimiter.length) {
      // Only what may be the beginning of the delimiter is still of use.
      const tail = Buffer.concat([this.#held.subarray(0, this.#length), bytes]).subarray(
        1 - this.#delimiter.length || needed,
      );
      this.#isSkipping = true;
      this.#held = Buffer.from(tail);
      this.#length = tail.length;
      return;
    }
    if (needed > this.#held.length) {
      const grown = Buffer.allocUnsafe(Math.max(needed, 2 * this.#held.length));
      this.#held.copy(grown, 0, 0, this.#length);
      this.#held = grown;
    }
    this.#held.set(bytes, this.#length);
    this.#length = needed;
  }
}
