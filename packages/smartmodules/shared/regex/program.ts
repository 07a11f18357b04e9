/** From the tree of a regular expression to instructions over the bytes of UTF-8: a non-deterministic automaton. */
import { CharSet } from "./char-set";
import {
  ASSERT_TEXT_START,
  NODE_ASSERT,
  NODE_CHOICE,
  NODE_CLASS,
  NODE_REPEAT,
  NODE_SEQUENCE,
  Node,
  REPEAT_FOREVER,
} from "./parser";

/** Found. */
export const OP_MATCH: i32 = 0;
/** A byte from `low` to `high`, then `next`. */
export const OP_BYTES: i32 = 1;
/** `next` and `other`, without a byte. */
export const OP_SPLIT: i32 = 2;
/** `next`, without a byte, if the assertion of kind `low` holds. */
export const OP_ASSERT: i32 = 3;

const INSTRUCTIONS_MAX: i32 = 20_000;

/** Instructions as parallel arrays, by index. */
export class Program {
  op: Array<i32> = [];
  low: Array<i32> = [];
  high: Array<i32> = [];
  next: Array<i32> = [];
  other: Array<i32> = [];
  start: i32 = 0;
  hasAsserts: bool = false;
  /** Every match begins where the text begins. */
  anchored: bool = false;
  /** The expression is larger than what may be compiled. */
  tooLarge: bool = false;

  get length(): i32 {
    return this.op.length;
  }

  private push(op: i32, low: i32, high: i32, next: i32, other: i32): i32 {
    if (this.op.length >= INSTRUCTIONS_MAX) {
      this.tooLarge = true;
      return 0;
    }
    this.op.push(op);
    this.low.push(low);
    this.high.push(high);
    this.next.push(next);
    this.other.push(other);
    return this.op.length - 1;
  }

  /** Compiles a whole expression. */
  build(root: Node): void {
    const found = this.push(OP_MATCH, 0, 0, 0, 0);
    this.anchored = startsAtText(root);
    this.start = this.compile(root, found);
    if (this.anchored || this.tooLarge) return;
    // a match may begin at any byte
    const search = this.push(OP_SPLIT, 0, 0, this.start, 0);
    this.other[search] = this.push(OP_BYTES, 0, 255, search, 0);
    this.start = search;
  }

  /** The instruction that begins `node` and goes on at `next`. */
  private compile(node: Node, next: i32): i32 {
    if (this.tooLarge) return 0;
    let entry = next;
    if (node.kind === NODE_CLASS) return this.compileClass(node.set!, next);
    if (node.kind === NODE_SEQUENCE) {
      for (let i = node.children.length - 1; i >= 0; i--) entry = this.compile(node.children[i], entry);
    } else if (node.kind === NODE_CHOICE) {
      entry = this.compile(node.children[node.children.length - 1], next);
      for (let i = node.children.length - 2; i >= 0; i--) {
        entry = this.push(OP_SPLIT, 0, 0, this.compile(node.children[i], next), entry);
      }
    } else if (node.kind === NODE_REPEAT) {
      entry = this.compileRepeat(node, next);
    } else if (node.kind === NODE_ASSERT) {
      this.hasAsserts = true;
      entry = this.push(OP_ASSERT, node.min, 0, next, 0);
    }
    return entry;
  }

  private compileRepeat(node: Node, next: i32): i32 {
    const child = node.children[0];
    let entry = next;
    if (node.max === REPEAT_FOREVER) {
      entry = this.push(OP_SPLIT, 0, 0, next, next);
      const body = this.compile(child, entry);
      if (!this.tooLarge) this.next[entry] = body;
    } else {
      for (let i = node.min; i < node.max && !this.tooLarge; i++) {
        entry = this.push(OP_SPLIT, 0, 0, this.compile(child, entry), next);
      }
    }
    for (let i = 0; i < node.min && !this.tooLarge; i++) entry = this.compile(child, entry);
    return entry;
  }

  /** A choice of byte sequences. A class without characters never matches: a range whose end is below its start. */
  private compileClass(set: CharSet, next: i32): i32 {
    const first = this.op.length;
    let entry = -1;
    for (let i = 0; i < set.ranges.length && !this.tooLarge; i += 2) {
      entry = this.addRange(set.ranges[i], set.ranges[i + 1], next, entry, first);
    }
    return entry < 0 ? this.push(OP_BYTES, 1, 0, next, 0) : entry;
  }

  /** Splits a range where the number of UTF-8 bytes changes. */
  private addRange(from: u32, to: u32, next: i32, others: i32, first: i32): i32 {
    let entry = others;
    let low = from;
    while (low <= to) {
      const high = min(to, low < 0x80 ? 0x7f : low < 0x800 ? 0x7ff : low < 0x10000 ? 0xffff : 0x10ffff);
      entry = this.addSameLength(low, high, next, entry, first);
      low = high + 1;
    }
    return entry;
  }

  /** Splits a range of equally long code points until each byte has a range of its own. */
  private addSameLength(from: u32, to: u32, next: i32, others: i32, first: i32): i32 {
    let entry = others;
    let low = from;
    while (low <= to) {
      const high = min(to, sameTailEnd(low, to));
      entry = this.addSequence(low, high, next, entry, first);
      low = high + 1;
    }
    return entry;
  }

  /** One byte range after the other, built from the last one; equal ones of the same class are shared. */
  private addSequence(from: u32, to: u32, next: i32, others: i32, first: i32): i32 {
    const tail = from < 0x80 ? 0 : from < 0x800 ? 1 : from < 0x10000 ? 2 : 3;
    let entry = next;
    for (let i = 0; i < tail; i++) {
      const low = 0x80 | ((from >> (6 * i)) & 0x3f);
      const high = 0x80 | ((to >> (6 * i)) & 0x3f);
      entry = this.shared(low, high, entry, first);
    }
    const mark: u32 = tail === 0 ? 0 : tail === 1 ? 0xc0 : tail === 2 ? 0xe0 : 0xf0;
    entry = this.push(OP_BYTES, mark | (from >> (6 * tail)), mark | (to >> (6 * tail)), entry, 0);
    return others < 0 ? entry : this.push(OP_SPLIT, 0, 0, entry, others);
  }

  private shared(low: i32, high: i32, next: i32, first: i32): i32 {
    for (let i = this.op.length - 1; i >= first; i--) {
      const same = this.op[i] === OP_BYTES && this.low[i] === low && this.high[i] === high && this.next[i] === next;
      if (same) return i;
    }
    return this.push(OP_BYTES, low, high, next, 0);
  }
}

/**
 * The end of the largest range from `from` whose UTF-8 is a product of byte ranges: where a byte differs, the bytes
 * after it run from 0x80 to 0xbf.
 */
function sameTailEnd(from: u32, to: u32): u32 {
  let end = to;
  for (let bits = 6; bits <= 18; bits += 6) {
    const tail = ((<u32>1) << bits) - 1;
    if ((from & ~tail) === (end & ~tail)) break;
    if ((from & tail) !== 0) return from | tail;
    if ((end & tail) !== tail) end = (end & ~tail) - 1;
  }
  return end;
}

function startsAtText(node: Node): bool {
  if (node.kind === NODE_ASSERT) return node.min === ASSERT_TEXT_START;
  if (node.kind === NODE_SEQUENCE) return node.children.length > 0 && startsAtText(node.children[0]);
  if (node.kind !== NODE_CHOICE) return false;
  for (let i = 0; i < node.children.length; i++) if (!startsAtText(node.children[i])) return false;
  return true;
}
