/** Sets of code points as sorted ranges: what a class of a regular expression stands for. */

export const CODE_POINT_MAX: u32 = 0x10ffff;
/** No letter with a second case lies above this. */
const CASED_MAX: u32 = 0x1e943;

/** Letters that only upper case brings together, each with its usual lower case letter. */
const FOLDED_APART: StaticArray<u32> = [
  0x6b, 0x212a, 0x73, 0x17f, 0xe5, 0x212b, 0xdf, 0x1e9e, 0x3b2, 0x3d0, 0x3b5, 0x3f5, 0x3b8, 0x3d1, 0x3b8, 0x3f4, 0x3b9,
  0x345, 0x3b9, 0x1fbe, 0x3ba, 0x3f0, 0x3bc, 0xb5, 0x3c0, 0x3d6, 0x3c1, 0x3f1, 0x3c3, 0x3c2, 0x3c6, 0x3d5, 0x3c9,
  0x2126, 0x1e61, 0x1e9b,
];

/** Ranges `from, to, from, to …`; in order and apart from each other only after {@link CharSet.normalize}. */
export class CharSet {
  ranges: Array<u32> = [];

  add(from: u32, to: u32): CharSet {
    this.ranges.push(from);
    this.ranges.push(to);
    return this;
  }

  addAll(other: CharSet): CharSet {
    for (let i = 0; i < other.ranges.length; i++) this.ranges.push(other.ranges[i]);
    return this;
  }

  /** Puts the ranges in order and joins those that touch. */
  normalize(): CharSet {
    const count = this.ranges.length >> 1;
    const order = new Array<u64>(count);
    for (let i = 0; i < count; i++) order[i] = ((<u64>this.ranges[2 * i]) << 32) | <u64>this.ranges[2 * i + 1];
    order.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
    const joined: Array<u32> = [];
    for (let i = 0; i < count; i++) {
      const from = <u32>(order[i] >> 32);
      const to = <u32>order[i];
      const last = joined.length - 1;
      if (last > 0 && from <= joined[last] + 1) joined[last] = max(joined[last], to);
      else {
        joined.push(from);
        joined.push(to);
      }
    }
    this.ranges = joined;
    return this;
  }

  negate(): CharSet {
    this.normalize();
    const outside: Array<u32> = [];
    let next: u32 = 0;
    for (let i = 0; i < this.ranges.length; i += 2) {
      if (this.ranges[i] > next) {
        outside.push(next);
        outside.push(this.ranges[i] - 1);
      }
      next = this.ranges[i + 1] + 1;
    }
    if (next <= CODE_POINT_MAX) {
      outside.push(next);
      outside.push(CODE_POINT_MAX);
    }
    this.ranges = outside;
    return this;
  }

  /** Adds the other case of every letter. */
  foldCase(): CharSet {
    this.normalize();
    const given = this.ranges.length;
    for (let i = 0; i < given; i += 2) {
      const to = min(this.ranges[i + 1], CASED_MAX);
      for (let point = this.ranges[i]; point <= to; point++) this.addCases(point);
    }
    return this.normalize();
  }

  private addCases(point: u32): void {
    if (point < 0x80 && !isAsciiLetter(point)) return;
    const upper = singleUpper(point);
    const lower = singleLower(upper);
    const direct = singleLower(point);
    if (upper !== point) this.add(upper, upper);
    if (lower !== point) this.add(lower, lower);
    if (direct !== point) this.add(direct, direct);
    for (let i = 0; i < FOLDED_APART.length; i += 2) {
      const usual = FOLDED_APART[i];
      const other = FOLDED_APART[i + 1];
      if (usual === lower || usual === direct || other === point) {
        this.add(usual, usual);
        this.add(other, other);
        const capital = singleUpper(usual);
        this.add(capital, capital);
      }
    }
  }
}

function isAsciiLetter(point: u32): bool {
  return (point | 0x20) - 0x61 < 26;
}

/** The upper case of one code point; itself where that would be several. */
function singleUpper(point: u32): u32 {
  if (point < 0x80) return isAsciiLetter(point) ? point & ~0x20 : point;
  return onlyPoint(String.fromCodePoint(<i32>point).toUpperCase(), point);
}

function singleLower(point: u32): u32 {
  if (point < 0x80) return isAsciiLetter(point) ? point | 0x20 : point;
  return onlyPoint(String.fromCodePoint(<i32>point).toLowerCase(), point);
}

function onlyPoint(text: string, otherwise: u32): u32 {
  const point = <u32>text.codePointAt(0);
  return text.length === (point > 0xffff ? 2 : 1) ? point : otherwise;
}

export function digits(): CharSet {
  return new CharSet().add(0x30, 0x39);
}

/** ASCII letters, digits and the underscore, as in JavaScript. */
export function wordCharacters(): CharSet {
  return new CharSet().add(0x30, 0x39).add(0x41, 0x5a).add(0x5f, 0x5f).add(0x61, 0x7a);
}

/** White space of Unicode, as in JavaScript. */
export function spaces(): CharSet {
  const set = new CharSet().add(0x09, 0x0d).add(0x20, 0x20).add(0xa0, 0xa0).add(0x1680, 0x1680).add(0x2000, 0x200a);
  return set.add(0x2028, 0x2029).add(0x202f, 0x202f).add(0x205f, 0x205f).add(0x3000, 0x3000).add(0xfeff, 0xfeff);
}

/** The classes that are written `[:alpha:]` inside brackets; null for an unknown name. */
export function namedClass(name: string): CharSet | null {
  const set = new CharSet();
  if (name === "alpha") return set.add(0x41, 0x5a).add(0x61, 0x7a);
  if (name === "digit") return digits();
  if (name === "alnum") return set.add(0x30, 0x39).add(0x41, 0x5a).add(0x61, 0x7a);
  if (name === "upper") return set.add(0x41, 0x5a);
  if (name === "lower") return set.add(0x61, 0x7a);
  if (name === "space") return set.add(0x09, 0x0d).add(0x20, 0x20);
  if (name === "blank") return set.add(0x09, 0x09).add(0x20, 0x20);
  if (name === "punct") return set.add(0x21, 0x2f).add(0x3a, 0x40).add(0x5b, 0x60).add(0x7b, 0x7e);
  if (name === "xdigit") return set.add(0x30, 0x39).add(0x41, 0x46).add(0x61, 0x66);
  if (name === "word") return wordCharacters();
  if (name === "cntrl") return set.add(0x00, 0x1f).add(0x7f, 0x7f);
  if (name === "graph") return set.add(0x21, 0x7e);
  if (name === "print") return set.add(0x20, 0x7e);
  return null;
}
