import { baseOffset, baseTimestamp, hasKey, keyPtr, keySize, offsetDelta, timestampDelta, valuePtr, valueSize } from "./abi/input";
import { Bytes, pointAt } from "./bytes";

/** The views of the record under way. They are made once: a record costs no memory. */
const valueView = new Bytes(0, 0);
const keyView = new Bytes(0, 0);

/** The record that a function is called with. It is one object for all records: keep its bytes with `copy()`. */
@unmanaged
@final
export class SmartRecord {
  /** The value. */
  get value(): Bytes {
    return valueView;
  }

  /** The key, or null. */
  get key(): Bytes | null {
    return hasKey ? keyView : null;
  }

  /** Offset in the partition. In `lookBack` it counts from the batch that the record was stored in. */
  get offset(): i64 {
    return baseOffset + offsetDelta;
  }

  /**
   * Milliseconds since 1970, or -1 where they are not known. Hosts that speak a version below 22 do not tell the time of a
   * batch: with them, and in `lookBack`, it counts from the batch that the record was stored in.
   */
  get timestamp(): i64 {
    return baseTimestamp < 0 ? -1 : baseTimestamp + timestampDelta;
  }
}

export const record = new SmartRecord();

/** Lets the views look at the record that was read last. */
// @ts-ignore: decorator
@inline
export function showRecord(): void {
  pointAt(valueView, valuePtr, valueSize);
  if (hasKey) pointAt(keyView, keyPtr, keySize);
}
