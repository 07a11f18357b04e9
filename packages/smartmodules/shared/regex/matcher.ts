/**
 * Whether bytes hold a match: a deterministic automaton whose states are made when they are first needed, so that each
 * byte costs one look into a table. Its memory is bounded: when it is full it is forgotten and begun anew. Time grows
 * with the length of the bytes only, whatever the expression.
 */
import {
  ASSERT_LINE_END,
  ASSERT_LINE_START,
  ASSERT_NOT_WORD_EDGE,
  ASSERT_TEXT_END,
  ASSERT_TEXT_START,
  ASSERT_WORD_EDGE,
} from "./parser";
import { OP_ASSERT, OP_BYTES, OP_MATCH, OP_SPLIT, Program } from "./program";

const UNKNOWN: i32 = -1;
const DEAD: i32 = -2;
const FOUND: i32 = -3;

const AFTER_START: i32 = 1;
const AFTER_LINE_FEED: i32 = 2;
const AFTER_WORD: i32 = 4;

/** What follows the last byte. */
const END: i32 = 256;
const STATES_MAX: i32 = 4096;
/** Instructions in all states together. */
const POOL_MAX: i32 = 1 << 20;
const BUCKETS: i32 = 1 << 13;

export class Matcher {
  private program: Program;
  /** The column of each byte, and of END: bytes that no instruction tells apart share one. */
  private columns: StaticArray<u8> = new StaticArray<u8>(257);
  /** A byte of each column. */
  private samples: Array<i32> = [];
  private width: i32 = 0;
  /** Rows of `width` entries: the first entry of the next row, or one of the negative marks. */
  private table: StaticArray<i32> = new StaticArray<i32>(0);
  /** Per state: where its instructions begin in the pool, what stands before it, the next of its bucket. */
  private starts: Array<i32> = [];
  private contexts: Array<i32> = [];
  private chained: Array<i32> = [];
  private buckets: StaticArray<i32> = new StaticArray<i32>(BUCKETS);
  private pool: Array<i32> = [];
  /** The set that is being built: members in order of entry, and in which round each was entered. */
  private members: Array<i32> = [];
  private entered: StaticArray<i32>;
  private round: i32 = 0;
  private pending: Array<i32> = [];
  private holdsMatch: bool = false;
  private first: i32 = UNKNOWN;
  /** The row in which a search waits for the first byte of a match, and 1 for each byte that leaves it there. */
  private idleRow: i32 = UNKNOWN;
  private idle: StaticArray<u8> = new StaticArray<u8>(256);

  constructor(program: Program) {
    this.program = program;
    this.entered = new StaticArray<i32>(program.length);
    this.groupBytes();
    this.forget();
  }

  /** Whether the bytes hold a match. */
  test(start: usize, length: i32): bool {
    if (this.first === UNKNOWN) this.first = this.initial();
    const end = start + <usize>length;
    const columns = changetype<usize>(this.columns);
    const idle = changetype<usize>(this.idle);
    let table = changetype<usize>(this.table);
    let row = this.first;
    let at = start;
    while (at < end && row >= 0) {
      if (row === this.idleRow) {
        at = skip(idle, at, end);
        if (at === end) break;
      }
      const byte = <i32>load<u8>(at++);
      const column = <i32>load<u8>(columns + byte);
      const next = load<i32>(table + ((<usize>(row + column)) << 2));
      if (next !== UNKNOWN) row = next;
      else {
        row = this.step(row, byte, column);
        table = changetype<usize>(this.table);
      }
    }
    if (row < 0) return row === FOUND;
    const column = <i32>this.columns[END];
    const next = this.table[row + column];
    return (next === UNKNOWN ? this.step(row, END, column) : next) === FOUND;
  }

  /** Gives bytes that every instruction treats alike the same column. */
  private groupBytes(): void {
    const program = this.program;
    const edges = new StaticArray<bool>(258);
    edges[END] = true;
    for (let i = 0; i < program.length; i++) {
      if (program.op[i] !== OP_BYTES) continue;
      edges[program.low[i]] = true;
      edges[program.high[i] + 1] = true;
    }
    if (program.hasAsserts) {
      const asserted: StaticArray<i32> = [0x0a, 0x0b, 0x30, 0x3a, 0x41, 0x5b, 0x5f, 0x60, 0x61, 0x7b, 0x80, 0xc0];
      for (let i = 0; i < asserted.length; i++) edges[asserted[i]] = true;
    }
    let column = -1;
    for (let byte = 0; byte <= END; byte++) {
      if (byte === 0 || edges[byte]) {
        column++;
        this.samples.push(byte);
      }
      this.columns[byte] = <u8>column;
    }
    this.width = column + 1;
  }

  private forget(): void {
    this.table = new StaticArray<i32>(this.width * 16);
    this.starts = [];
    this.contexts = [];
    this.chained = [];
    this.pool = [];
    this.buckets.fill(-1);
    this.first = UNKNOWN;
    this.idleRow = UNKNOWN;
    this.idle.fill(0);
  }

  private initial(): i32 {
    this.beginSet();
    this.enter(this.program.start, 0, 0, false);
    return this.stateOf(AFTER_START | AFTER_LINE_FEED);
  }

  /** Makes the entry of a row for what follows, which is in `column`. */
  private step(row: i32, following: i32, column: i32): i32 {
    const state = row / this.width;
    const from = this.starts[state];
    const to = state + 1 < this.starts.length ? this.starts[state + 1] : this.pool.length;
    const context = this.contexts[state];
    let sources = this.pool.slice(from, to);
    if (this.program.hasAsserts) {
      this.beginSet();
      for (let i = 0; i < sources.length; i++) this.enter(sources[i], context, following, true);
      if (this.holdsMatch) return this.remember(row, column, FOUND);
      sources = this.members.slice(0);
    }
    if (following === END) return this.remember(row, column, DEAD);
    const program = this.program;
    this.beginSet();
    for (let i = 0; i < sources.length; i++) {
      const source = sources[i];
      const takes =
        program.op[source] === OP_BYTES && program.low[source] <= following && following <= program.high[source];
      if (takes) this.enter(program.next[source], 0, 0, false);
    }
    const states = this.starts.length;
    const next = this.stateOf(program.hasAsserts ? contextAfter(following) : 0);
    // the row is gone when the table had to be forgotten
    return this.starts.length < states ? next : this.remember(row, column, next);
  }

  private remember(row: i32, column: i32, next: i32): i32 {
    this.table[row + column] = next;
    if (next === row && this.idleRow === UNKNOWN) this.idleRow = row;
    if (next === row && this.idleRow === row) {
      for (let byte = 0; byte < END; byte++) if (<i32>this.columns[byte] === column) this.idle[byte] = 1;
    }
    return next;
  }

  private beginSet(): void {
    this.members.length = 0;
    this.holdsMatch = false;
    this.round++;
  }

  /**
   * Adds an instruction and all that it leads to without a byte. Assertions are added themselves, until it is known what
   * follows (`decide`): then those that hold lead on and the others are left out.
   */
  private enter(instruction: i32, context: i32, following: i32, decide: bool): void {
    const program = this.program;
    this.pending.push(instruction);
    while (this.pending.length > 0) {
      const index = this.pending.pop();
      if (this.entered[index] === this.round) continue;
      this.entered[index] = this.round;
      const op = program.op[index];
      if (op === OP_SPLIT) {
        this.pending.push(program.other[index]);
        this.pending.push(program.next[index]);
      } else if (op === OP_ASSERT && decide) {
        if (holds(program.low[index], context, following)) this.pending.push(program.next[index]);
      } else {
        if (op === OP_MATCH) this.holdsMatch = true;
        this.members.push(index);
      }
    }
  }

  /** The row of the set that was built, or a mark; made if there is none yet. */
  private stateOf(context: i32): i32 {
    if (this.holdsMatch) return FOUND;
    const count = this.members.length;
    if (count === 0) return DEAD;
    this.members.sort();
    let hash: u32 = 0x811c9dc5 ^ context;
    for (let i = 0; i < count; i++) hash = (hash ^ this.members[i]) * 0x01000193;
    const bucket = (hash ^ (hash >> 16)) & (BUCKETS - 1);
    for (let state = this.buckets[bucket]; state >= 0; state = this.chained[state]) {
      if (this.contexts[state] === context && this.sameMembers(state)) return state * this.width;
    }
    if (this.starts.length >= STATES_MAX || this.pool.length + count > POOL_MAX) {
      this.forget();
    }
    return this.makeState(bucket, context);
  }

  private sameMembers(state: i32): bool {
    const from = this.starts[state];
    const to = state + 1 < this.starts.length ? this.starts[state + 1] : this.pool.length;
    if (to - from !== this.members.length) return false;
    for (let i = from; i < to; i++) if (this.pool[i] !== this.members[i - from]) return false;
    return true;
  }

  private makeState(bucket: i32, context: i32): i32 {
    const state = this.starts.length;
    this.starts.push(this.pool.length);
    this.contexts.push(context);
    this.chained.push(this.buckets[bucket]);
    this.buckets[bucket] = state;
    for (let i = 0; i < this.members.length; i++) this.pool.push(this.members[i]);
    const row = state * this.width;
    if (row + this.width > this.table.length) {
      const larger = new StaticArray<i32>(this.table.length * 2);
      memory.copy(changetype<usize>(larger), changetype<usize>(this.table), (<usize>this.table.length) << 2);
      this.table = larger;
    }
    for (let i = 0; i < this.width; i++) this.table[row + i] = UNKNOWN;
    return row;
  }
}

/** The first place whose byte is not marked in `idle`. */
function skip(idle: usize, start: usize, end: usize): usize {
  let at = start;
  while (at + 4 <= end) {
    const word = <usize>load<u32>(at);
    const first = load<u8>(idle + (word & 0xff)) & load<u8>(idle + ((word >> 8) & 0xff));
    if ((first & load<u8>(idle + ((word >> 16) & 0xff)) & load<u8>(idle + (word >> 24))) === 0) break;
    at += 4;
  }
  while (at < end && load<u8>(idle + load<u8>(at)) !== 0) at++;
  return at;
}

function contextAfter(byte: i32): i32 {
  return (byte === 0x0a ? AFTER_LINE_FEED : 0) | (isWord(byte) ? AFTER_WORD : 0);
}

function isWord(byte: i32): bool {
  const letter = byte | 0x20;
  return (letter >= 0x61 && letter <= 0x7a && byte < 0x80) || (byte >= 0x30 && byte <= 0x39) || byte === 0x5f;
}

/** Whether an assertion holds between what stands before (`context`) and what follows. */
function holds(kind: i32, context: i32, following: i32): bool {
  if (kind === ASSERT_TEXT_START) return (context & AFTER_START) !== 0;
  if (kind === ASSERT_LINE_START) return (context & AFTER_LINE_FEED) !== 0;
  if (kind === ASSERT_TEXT_END) return following === END;
  if (kind === ASSERT_LINE_END) return following === END || following === 0x0a;
  const edge = ((context & AFTER_WORD) !== 0) !== (following !== END && isWord(following));
  if (kind === ASSERT_WORD_EDGE) return edge;
  // there is nothing between the bytes of one character
  return kind === ASSERT_NOT_WORD_EDGE && !edge && (following === END || (following & 0xc0) !== 0x80);
}
