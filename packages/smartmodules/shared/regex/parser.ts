/** From the text of a regular expression to a tree of {@link Node}. */
import { CharSet, namedClass } from "./char-set";
import { Cursor } from "./cursor";

const NODE_EMPTY: i32 = 0;
export const NODE_CLASS: i32 = 1;
export const NODE_SEQUENCE: i32 = 2;
export const NODE_CHOICE: i32 = 3;
export const NODE_REPEAT: i32 = 4;
export const NODE_ASSERT: i32 = 5;

export const ASSERT_TEXT_START: i32 = 0;
export const ASSERT_TEXT_END: i32 = 1;
export const ASSERT_LINE_START: i32 = 2;
export const ASSERT_LINE_END: i32 = 3;
export const ASSERT_WORD_EDGE: i32 = 4;
export const ASSERT_NOT_WORD_EDGE: i32 = 5;

/** A repeat without an upper end. */
export const REPEAT_FOREVER: i32 = -1;
const REPEAT_MAX: i32 = 1000;
const GROUP_DEPTH_MAX: i32 = 200;

export class Node {
  kind: i32;
  children: Array<Node> = [];
  set: CharSet | null = null;
  /** Of a repeat: bounds; of an assertion: its kind in `min`. */
  min: i32 = 0;
  max: i32 = 0;

  constructor(kind: i32) {
    this.kind = kind;
  }
}

/** Flags that hold from where they stand to the end of their group. */
class Flags {
  ignoreCase: bool = false;
  multiline: bool = false;
  dotAll: bool = false;

  copy(): Flags {
    const copy = new Flags();
    copy.ignoreCase = this.ignoreCase;
    copy.multiline = this.multiline;
    copy.dotAll = this.dotAll;
    return copy;
  }
}

/** After {@link Parser.parse}: `error` is empty, or says what is wrong at which character (counted from 0). */
export class Parser extends Cursor {
  private depth: i32 = 0;
  private flags: Flags = new Flags();

  constructor(pattern: string, ignoreCase: bool) {
    super(pattern);
    this.flags.ignoreCase = ignoreCase;
  }

  parse(): Node {
    const node = this.choice();
    if (!this.failed() && this.at < this.pattern.length) this.fail("unmatched )", this.at);
    return node;
  }

  private wrong(what: string, at: i32): Node {
    this.fail(what, at);
    return new Node(NODE_EMPTY);
  }

  private choice(): Node {
    const first = this.sequence();
    if (this.peek() !== 0x7c) return first;
    const node = new Node(NODE_CHOICE);
    node.children.push(first);
    while (this.more() && this.take("|")) node.children.push(this.sequence());
    return node;
  }

  private sequence(): Node {
    const node = new Node(NODE_SEQUENCE);
    while (this.more()) {
      const char = this.peek();
      if (char === 0x7c || char === 0x29) break;
      const item = this.item();
      if (!this.failed()) node.children.push(this.repeated(item));
    }
    return node.children.length === 1 ? node.children[0] : node;
  }

  /** What stands after an item: any number of repeats. */
  private repeated(item: Node): Node {
    const at = this.at;
    if (!this.bounds()) return item;
    const node = new Node(NODE_REPEAT);
    node.min = this.boundMin;
    node.max = this.boundMax;
    if (node.max !== REPEAT_FOREVER && node.max < node.min)
      return this.wrong("a repeat whose end is below its start", at);
    if (max(node.min, node.max) > REPEAT_MAX) return this.wrong(`a repeat above ${REPEAT_MAX}`, at);
    node.children.push(item);
    // Which match is found first does not matter where only the existence of one counts.
    this.take("?");
    const again = this.at;
    if (this.bounds()) return this.wrong("nothing to repeat", again);
    return node;
  }

  private boundMin: i32 = 0;
  private boundMax: i32 = 0;

  /** Takes `*`, `+`, `?`, `{n}`, `{n,}` or `{n,m}`; a brace that begins none of these is a plain character. */
  private bounds(): bool {
    const char = this.peek();
    if (char === 0x2a || char === 0x2b || char === 0x3f) {
      this.at++;
      this.boundMin = char === 0x2b ? 1 : 0;
      this.boundMax = char === 0x3f ? 1 : REPEAT_FOREVER;
      return true;
    }
    if (char !== 0x7b) return false;
    const start = this.at++;
    const low = this.number();
    let high = low;
    if (low >= 0 && this.take(",")) {
      high = this.peek() === 0x7d ? REPEAT_FOREVER : this.number();
      if (high < 0 && this.peek() !== 0x7d) high = -2;
    }
    if (low < 0 || high < REPEAT_FOREVER || !this.take("}")) {
      this.at = start;
      return false;
    }
    this.boundMin = low;
    this.boundMax = high;
    return true;
  }

  private item(): Node {
    const at = this.at;
    const char = this.peek();
    if (char === 0x28) return this.group();
    if (char === 0x5b) return this.bracket();
    if (char === 0x5c) return this.escape();
    if (this.bounds()) return this.wrong("nothing to repeat", at);
    if (char === 0x5e || char === 0x24) {
      this.at++;
      const multiline = this.flags.multiline;
      if (char === 0x5e) return assertion(multiline ? ASSERT_LINE_START : ASSERT_TEXT_START);
      return assertion(multiline ? ASSERT_LINE_END : ASSERT_TEXT_END);
    }
    if (char === 0x2e) {
      this.at++;
      const none = new CharSet();
      return classNode((this.flags.dotAll ? none : none.add(0x0a, 0x0a)).negate());
    }
    return this.literal(this.takePoint());
  }

  private literal(point: u32): Node {
    const set = new CharSet().add(point, point);
    return classNode(this.flags.ignoreCase ? set.foldCase() : set);
  }

  private group(): Node {
    const start = this.at++;
    if (++this.depth > GROUP_DEPTH_MAX) return this.wrong(`more than ${GROUP_DEPTH_MAX} groups in each other`, start);
    const outside = this.flags.copy();
    let open = true;
    if (this.take("?")) open = this.groupKind(start);
    if (this.failed()) return new Node(NODE_EMPTY);
    if (!open) {
      // `(?i)`: the flags hold for the rest of the group around it
      this.depth--;
      return new Node(NODE_EMPTY);
    }
    const node = this.choice();
    if (!this.failed() && !this.take(")")) return this.wrong("unclosed (", start);
    this.depth--;
    this.flags = outside;
    // A group stays one item, so that a repeat after it means all of it.
    const whole = new Node(NODE_SEQUENCE);
    whole.children.push(node);
    return whole;
  }

  /** What follows `(?`; false when it was `(?flags)`, which holds nothing. */
  private groupKind(start: i32): bool {
    if (this.take(":")) return true;
    if (this.take("=") || this.take("!") || this.take("<=") || this.take("<!")) {
      this.fail("look-around is not supported (matching takes linear time)", start);
      return true;
    }
    if (this.take("P<") || this.take("<")) {
      const end = this.pattern.indexOf(">", this.at);
      if (end <= this.at) this.fail("a group name must be closed by >", start);
      else this.at = end + 1;
      return true;
    }
    let on = true;
    while (this.more()) {
      const char = this.peek();
      this.at++;
      if (char === 0x3a) return true;
      if (char === 0x29) return false;
      if (char === 0x2d) on = false;
      else if (char === 0x69) this.flags.ignoreCase = on;
      else if (char === 0x6d) this.flags.multiline = on;
      else if (char === 0x73) this.flags.dotAll = on;
      else if (char !== 0x75)
        this.fail(`unknown flag ${String.fromCharCode(char)} (there are i, m, s and u)`, this.at - 1);
    }
    this.fail("unclosed (", start);
    return true;
  }

  private escape(): Node {
    const start = this.at++;
    const char = this.peek();
    if (char === -1) return this.wrong("a \\ at the end", start);
    if (char === 0x62 || char === 0x42 || char === 0x41 || char === 0x7a) {
      this.at++;
      if (char === 0x41) return assertion(ASSERT_TEXT_START);
      if (char === 0x7a) return assertion(ASSERT_TEXT_END);
      return assertion(char === 0x62 ? ASSERT_WORD_EDGE : ASSERT_NOT_WORD_EDGE);
    }
    const set = this.escapedClass();
    if (set !== null) return classNode(set);
    if (char >= 0x31 && char <= 0x39) {
      return this.wrong("back references are not supported (matching takes linear time)", start);
    }
    const point = this.escapedPoint(start);
    return this.failed() ? new Node(NODE_EMPTY) : this.literal(point);
  }

  private bracket(): Node {
    const start = this.at++;
    const negated = this.take("^");
    const set = new CharSet();
    let first = true;
    while (this.more() && (first || this.peek() !== 0x5d)) {
      // `[]` holds nothing and `[^]` everything, as in JavaScript
      if (first && this.peek() === 0x5d) break;
      first = false;
      this.bracketItem(set);
    }
    if (this.failed()) return new Node(NODE_EMPTY);
    if (!this.take("]")) return this.wrong("unclosed [", start);
    if (this.flags.ignoreCase) set.foldCase();
    return classNode(negated ? set.negate() : set.normalize());
  }

  /** A class, one character or a range. */
  private bracketItem(set: CharSet): void {
    const start = this.at;
    if (this.take("[:")) {
      const end = this.pattern.indexOf(":]", this.at);
      const named = namedClass(end < 0 ? "" : this.pattern.substring(this.at, end));
      if (named !== null) {
        this.at = end + 2;
        set.addAll(named);
        return;
      }
      this.at = start;
    }
    const from = this.bracketPoint(set);
    if (from < 0 || this.failed()) return;
    if (this.peek() !== 0x2d || this.peek(1) === 0x5d || this.peek(1) === -1) {
      set.add(<u32>from, <u32>from);
      return;
    }
    this.at++;
    const to = this.bracketPoint(set);
    if (this.failed()) return;
    if (to < 0) set.add(<u32>from, <u32>from).add(0x2d, 0x2d);
    else if (to < from) this.fail("a range whose end is below its start", start);
    else set.add(<u32>from, <u32>to);
  }

  /** One character of a bracket; -1 when it was a class, which is then in the set. */
  private bracketPoint(set: CharSet): i32 {
    if (this.peek() !== 0x5c) return <i32>this.takePoint();
    const start = this.at++;
    if (this.peek() === -1) {
      this.fail("a \\ at the end", start);
      return -1;
    }
    const named = this.escapedClass();
    if (named !== null) {
      set.addAll(named);
      return -1;
    }
    if (this.take("b")) return 0x08;
    return <i32>this.escapedPoint(start);
  }
}

function assertion(kind: i32): Node {
  const node = new Node(NODE_ASSERT);
  node.min = kind;
  return node;
}

function classNode(set: CharSet): Node {
  const node = new Node(NODE_CLASS);
  node.set = set;
  return node;
}
