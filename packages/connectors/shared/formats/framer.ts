/** Finds where a record ends. Keeps what it knows of a record that has only begun. */
export interface RecordScanner {
  /**
   * The place behind the next record that ends in `bytes`, or -1. The bytes before `from` were looked at by the call
   * before, unless that call gave a place: then `from` is that place, and a new record begins there.
   */
  next(bytes: Uint8Array, from: number): number;
  /** Whether the bytes that are left make a record although nothing ends it. */
  endsRecord(): boolean;
  /** What has to be known besides the offset to go on behind the last record. */
  readonly state?: string | undefined;
  /** So many bytes before the place that was given last are the record; all of them when absent. */
  readonly recordSizeBytes?: number;
}

export interface Frame {
  /** The record, as its scanner understands it; a view. */
  readonly bytes: Uint8Array;
  /** Of its first byte. */
  readonly offset: number;
  /** Why it is no record; its bytes may be missing then. */
  readonly problem?: string;
}

const EMPTY = new Uint8Array(0);

/** Cuts a stream of bytes into records. Holds at most one unfinished record, and of one that is too large nothing. */
export class Framer {
  readonly #scanner: RecordScanner;
  readonly #sizeBytesMax: number;
  #pending: Uint8Array = EMPTY;
  /** Bytes of the unfinished record that were dropped because it is too large. */
  #droppedBytes = 0;
  /** Of the first byte that is in no record yet. */
  #offset: number;
  #state: string | undefined;

  constructor(scanner: RecordScanner, sizeBytesMax: number, offset: number) {
    this.#scanner = scanner;
    this.#sizeBytesMax = sizeBytesMax;
    this.#offset = offset;
    this.#state = scanner.state;
  }

  /** Behind the last complete record. */
  get offset(): number {
    return this.#offset;
  }

  /** Of the scanner, behind the last complete record. */
  get state(): string | undefined {
    return this.#state;
  }

  /** Whether bytes wait for the end of their record. */
  get hasPending(): boolean {
    return this.#pending.length + this.#droppedBytes > 0;
  }

  /** @param chunk must not change any more: frames are views of it */
  push(chunk: Uint8Array): readonly Frame[] {
    const bytes = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    const frames: Frame[] = [];
    let start = 0;
    let from = this.#pending.length;
    for (;;) {
      const end = this.#scanner.next(bytes, from);
      if (end < 0) break;
      frames.push(this.#take(bytes.subarray(start, end)));
      start = end;
      from = end;
    }
    this.#pending = bytes.subarray(start);
    if (this.#pending.length + this.#droppedBytes > this.#sizeBytesMax) {
      this.#droppedBytes += this.#pending.length;
      this.#pending = EMPTY;
    }
    return frames;
  }

  /** The stream ends here. */
  end(): readonly Frame[] {
    if (!this.hasPending) return [];
    const isWhole = this.#scanner.endsRecord();
    const frame = this.#take(this.#pending);
    this.#pending = EMPTY;
    return [isWhole ? frame : { ...frame, problem: frame.problem ?? "the document ends within it" }];
  }

  #take(bytes: Uint8Array): Frame {
    const { recordSizeBytes = bytes.length } = this.#scanner;
    const offset = this.#offset;
    const sizeBytes = this.#droppedBytes + bytes.length;
    this.#offset += sizeBytes;
    this.#droppedBytes = 0;
    this.#state = this.#scanner.state;
    const record = bytes.subarray(Math.max(0, bytes.length - recordSizeBytes));
    if (sizeBytes <= this.#sizeBytesMax) return { bytes: record, offset };
    return { bytes: record, offset, problem: `it has ${sizeBytes} bytes, more than max-record-size` };
  }
}
