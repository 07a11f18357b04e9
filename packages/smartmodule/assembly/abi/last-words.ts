/**
 * Why the language's own library is about to end the module: a host learns nothing of a trap but that it was
 * one. The words are handed over as outputs are; the engine reads them when a trap comes next. They are data of the module,
 * for there may be no memory left to write them to.
 */
import { copyRecords } from "./host";

/** The memory cannot grow any further. */
export function sayOutOfMemory(): void {
  // "out of memory"
  copyRecords(memory.data<u8>([111, 117, 116, 32, 111, 102, 32, 109, 101, 109, 111, 114, 121]), 13);
}

/** A string, an array or a buffer has a size that the language does not have, such as a string of more than 2^28 characters. */
export function sayInvalidLength(): void {
  // "invalid length"
  copyRecords(memory.data<u8>([105, 110, 118, 97, 108, 105, 100, 32, 108, 101, 110, 103, 116, 104]), 14);
}
