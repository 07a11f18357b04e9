/** Batches below this are copied next to each other: an own buffer for each costs more than the copy. */
const SMALL_BATCH_BYTES = 4096;
const CHUNK_BYTES = 32 * 1024;

/**
 * Decides which bytes the log keeps. Small batches, and such as are a minor part of a large buffer that they would keep
 * alive, are copied; all others are kept as they came.
 */
export class BatchKeeper {
  #chunk = new Uint8Array(0);
  #used = 0;

  keep(batches: readonly Uint8Array[]): Uint8Array[] {
    const kept: Uint8Array[] = [];
    for (const batch of batches) {
      if (batch.length < SMALL_BATCH_BYTES) kept.push(this.#place(batch));
      else if (holdsTooMuch(batch, batches)) kept.push(new Uint8Array(batch));
      else kept.push(batch);
    }
    return kept;
  }

  #place(batch: Uint8Array): Uint8Array {
    if (this.#used + batch.length > this.#chunk.length) {
      this.#chunk = new Uint8Array(CHUNK_BYTES);
      this.#used = 0;
    }
    this.#chunk.set(batch, this.#used);
    this.#used += batch.length;
    return this.#chunk.subarray(this.#used - batch.length, this.#used);
  }
}

/** Whether less than half of the buffer behind a batch would be of use to the log. */
function holdsTooMuch(batch: Uint8Array, batches: readonly Uint8Array[]): boolean {
  const half = batch.buffer.byteLength / 2;
  if (batch.length >= half) return false;
  let usedBytes = 0;
  for (const other of batches) if (other.buffer === batch.buffer) usedBytes += other.length;
  return usedBytes < half;
}

/** The pieces to write: batches that lie back to back in one buffer become one. */
export function joinNeighbours(batches: readonly Uint8Array[]): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  let last: Uint8Array | undefined;
  for (const batch of batches) {
    if (last && last.buffer === batch.buffer && last.byteOffset + last.length === batch.byteOffset) {
      last = new Uint8Array(last.buffer, last.byteOffset, last.length + batch.length);
      pieces[pieces.length - 1] = last;
    } else {
      last = batch;
      pieces.push(batch);
    }
  }
  return pieces;
}
