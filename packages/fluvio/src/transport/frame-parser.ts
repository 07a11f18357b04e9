import { flvError } from "../protocol/index.ts";

const LENGTH_BYTES = 4;

/**
 * Cuts a byte stream into frames: a 32-bit length, then that many bytes. A frame that arrives whole is given as a view
 * of what was read; one that spans reads is gathered in a buffer of its exact size, allocated once, after its length
 * was checked.
 */
export class FrameParser {
  readonly #maxFrameBytes: number;
  readonly #onFrame: (frame: Uint8Array) => void;
  /** The length field as far as it has come, when it spans reads. */
  readonly #length = new Uint8Array(LENGTH_BYTES);
  #lengthFilled = 0;
  #frame: Uint8Array | undefined;
  #frameFilled = 0;

  constructor(maxFrameBytes: number, onFrame: (frame: Uint8Array) => void) {
    this.#maxFrameBytes = maxFrameBytes;
    this.#onFrame = onFrame;
  }

  /** True between frames: a connection that ends here has lost nothing. */
  get isIdle(): boolean {
    return this.#lengthFilled === 0 && this.#frame === undefined;
  }

  /** Takes the next bytes, which must stay unchanged. @throws FLV_FRAME_TOO_LARGE | FLV_DECODE (negative length) */
  push(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#frame !== undefined) {
        at = this.#continueFrame(this.#frame, chunk, at);
      } else if (this.#lengthFilled > 0 || chunk.length - at < LENGTH_BYTES) {
        this.#length[this.#lengthFilled++] = chunk[at++] as number;
        if (this.#lengthFilled < LENGTH_BYTES) continue;
        this.#lengthFilled = 0;
        at = this.#startFrame(this.#checked(readI32(this.#length, 0)), chunk, at);
      } else {
        at = this.#startFrame(this.#checked(readI32(chunk, at)), chunk, at + LENGTH_BYTES);
      }
    }
  }

  #checked(length: number): number {
    if (length < 0) {
      throw flvError("FLV_DECODE", `frame length ${length} is negative`, {
        details: { length },
        hint: "the peer does not speak the Fluvio protocol on this port, or TLS is on at one end only",
      });
    }
    if (length > this.#maxFrameBytes) {
      throw flvError("FLV_FRAME_TOO_LARGE", `frame of ${length} bytes is larger than ${this.#maxFrameBytes}`, {
        details: { length, max: this.#maxFrameBytes },
        hint: "raise maxFrameBytes, or send smaller batches",
      });
    }
    return length;
  }

  #startFrame(length: number, chunk: Uint8Array, at: number): number {
    const end = at + length;
    if (end <= chunk.length) {
      this.#onFrame(chunk.subarray(at, end));
      return end;
    }
    this.#frame = new Uint8Array(length);
    this.#frameFilled = 0;
    return this.#continueFrame(this.#frame, chunk, at);
  }

  #continueFrame(frame: Uint8Array, chunk: Uint8Array, at: number): number {
    const end = Math.min(chunk.length, at + frame.length - this.#frameFilled);
    frame.set(at === 0 && end === chunk.length ? chunk : chunk.subarray(at, end), this.#frameFilled);
    this.#frameFilled += end - at;
    if (this.#frameFilled === frame.length) {
      this.#frame = undefined;
      this.#onFrame(frame);
    }
    return end;
  }
}

function readI32(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] as number) << 24) |
    ((bytes[at + 1] as number) << 16) |
    ((bytes[at + 2] as number) << 8) |
    (bytes[at + 3] as number)
  );
}
