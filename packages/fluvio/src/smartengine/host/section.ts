/** A records section begins with the number of its records, an i32. */
export const COUNT_BYTES = 4;

/** The number of records that a section says it has. */
export function countOf(section: Uint8Array): number {
  return new DataView(section.buffer, section.byteOffset).getInt32(0);
}
