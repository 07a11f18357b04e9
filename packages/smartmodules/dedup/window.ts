/** A remembered record came before the module began, at a time that is not known. */
export const BEFORE_START: i64 = i64.MIN_VALUE;

const ENTRY_BYTES: usize = 24;
const ENTRIES_FIRST: i32 = 1024;

/**
 * The last so many hashes with their times: a ring in the order of arrival and a table of places in it by hash (open
 * addressing, at most half full). Grows with its content up to the size of the window.
 */
export class Window {
  private limit: i32;
  private ring: usize;
  private capacity: i32;
  private count: i32 = 0;
  /** The oldest entry, once the ring is full. */
  private oldest: i32 = 0;
  /** Places in the ring plus 1; 0 is free. */
  private table: StaticArray<i32> = [0, 0];

  constructor(limit: i32) {
    this.limit = limit;
    this.capacity = min(limit, ENTRIES_FIRST);
    this.ring = heap.alloc(<usize>this.capacity * ENTRY_BYTES);
    this.table = new StaticArray<i32>(tableSize(this.capacity));
  }

  /** The slot of the table that holds a hash, or the free one where it belongs. */
  private slotOf(low: u64, high: u64): i32 {
    const mask = this.table.length - 1;
    let slot = <i32>low & mask;
    for (let place = this.table[slot]; place > 0; place = this.table[slot]) {
      const entry = this.entry(place - 1);
      if (load<u64>(entry) === low && load<u64>(entry, 8) === high) break;
      slot = (slot + 1) & mask;
    }
    return slot;
  }

  private entry(place: i32): usize {
    return this.ring + <usize>place * ENTRY_BYTES;
  }

  has(low: u64, high: u64): bool {
    return this.table[this.slotOf(low, high)] > 0;
  }

  /** When a hash that is in the window came. */
  timeOf(low: u64, high: u64): i64 {
    return load<i64>(this.entry(this.table[this.slotOf(low, high)] - 1), 16);
  }

  /** Adds a hash as the newest; the oldest leaves when the window is full. One that is already there moves to the front. */
  add(low: u64, high: u64, timeMs: i64): void {
    if (this.count === this.capacity && this.capacity < this.limit) this.grow();
    let place = this.count;
    if (this.count < this.capacity) this.count++;
    else {
      place = this.oldest;
      this.oldest = place + 1 === this.capacity ? 0 : place + 1;
      this.forget(place);
    }
    const entry = this.entry(place);
    store<u64>(entry, low);
    store<u64>(entry, high, 8);
    store<i64>(entry, timeMs, 16);
    this.table[this.slotOf(low, high)] = place + 1;
  }

  /** Takes the hash at a place out of the table, unless it came again later; closes the gap that it leaves. */
  private forget(place: i32): void {
    const table = this.table;
    const mask = table.length - 1;
    let gap = this.slotOf(load<u64>(this.entry(place)), load<u64>(this.entry(place), 8));
    if (table[gap] !== place + 1) return;
    let slot = gap;
    while (true) {
      slot = (slot + 1) & mask;
      if (table[slot] === 0) break;
      const home = <i32>load<u64>(this.entry(table[slot] - 1)) & mask;
      // an entry may move back as long as it does not come before the slot it belongs to
      if (((slot - home) & mask) < ((slot - gap) & mask)) continue;
      table[gap] = table[slot];
      gap = slot;
    }
    table[gap] = 0;
  }

  private grow(): void {
    this.capacity = <i32>min(<i64>this.capacity * 2, <i64>this.limit);
    this.ring = heap.realloc(this.ring, <usize>this.capacity * ENTRY_BYTES);
    this.table = new StaticArray<i32>(tableSize(this.capacity));
    for (let place = 0; place < this.count; place++) {
      this.table[this.slotOf(load<u64>(this.entry(place)), load<u64>(this.entry(place), 8))] = place + 1;
    }
  }
}

/** A power of two, at least twice as large. */
function tableSize(capacity: i32): i32 {
  let size = 2;
  while (size < capacity * 2) size *= 2;
  return size;
}
