/** The part of the module's memory that the host writes to. */

/** The input of the last call: its output may lie in it, so that it is freed when the host has read that. */
let spent: usize = 0;

/** Makes room for an input. */
export function alloc(length: i32): usize {
  if (spent !== 0) heap.free(spent);
  spent = 0;
  return heap.alloc(<usize>length);
}

/** Frees what {@link alloc} gave and no call took. Hosts do not call it: the input of a call belongs to the module. */
export function dealloc(ptr: usize, size: i32): void {
  if (ptr !== spent) heap.free(ptr);
}

/** Has an input freed as soon as the next one comes. */
export function spend(ptr: usize): void {
  spent = ptr;
}
