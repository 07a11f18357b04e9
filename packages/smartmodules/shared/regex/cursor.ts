import { CharSet, CODE_POINT_MAX, digits, spaces, wordCharacters } from "./char-set";

/** Numbers are counted up to here; larger ones are taken for it. */
const NUMBER_MAX: i32 = 1_000_000;

/** A place in the text of a regular expression, and what is read there whatever it stands in. */
export class Cursor {
  /** Empty, or what is wrong with the expression at `errorAt`. */
  error: string = "";
  errorAt: i32 = 0;
  protected at: i32 = 0;
  protected pattern: string;

  constructor(pattern: string) {
    this.pattern = pattern;
  }

  protected failed(): bool {
    return this.error.length > 0;
  }

  protected fail(what: string, at: i32): void {
    if (this.failed()) return;
    this.error = what;
    this.errorAt = at;
  }

  protected more(): bool {
    return this.at < this.pattern.length && !this.failed();
  }

  /** The character here, without taking it; -1 at the end. */
  protected peek(ahead: i32 = 0): i32 {
    const at = this.at + ahead;
    return at < this.pattern.length ? this.pattern.charCodeAt(at) : -1;
  }

  protected take(text: string): bool {
    if (!this.pattern.startsWith(text, this.at)) return false;
    this.at += text.length;
    return true;
  }

  protected takePoint(): u32 {
    const point = <u32>this.pattern.codePointAt(this.at);
    this.at += point > 0xffff ? 2 : 1;
    return point;
  }

  /** Decimal digits; -2 when there is none. */
  protected number(): i32 {
    let value = -2;
    while (this.peek() >= 0x30 && this.peek() <= 0x39) {
      value = min(max(value, 0) * 10 + this.peek() - 0x30, NUMBER_MAX);
      this.at++;
    }
    return value;
  }

  /** `\d`, `\w`, `\s` and their opposites, after the backslash; null when it is something else. */
  protected escapedClass(): CharSet | null {
    const char = this.peek();
    const small = char | 0x20;
    if (small !== 0x64 && small !== 0x77 && small !== 0x73) return null;
    this.at++;
    const set = small === 0x64 ? digits() : small === 0x77 ? wordCharacters() : spaces();
    return char === small ? set : set.negate();
  }

  /** One escaped character, after the backslash. */
  protected escapedPoint(start: i32): u32 {
    const char = this.peek();
    if (char === 0x78 || char === 0x75) {
      this.at++;
      return this.hexPoint(char === 0x78 ? 2 : 4, start);
    }
    const point = this.takePoint();
    if (char === 0x6e) return 0x0a;
    if (char === 0x74) return 0x09;
    if (char === 0x72) return 0x0d;
    if (char === 0x66) return 0x0c;
    if (char === 0x76) return 0x0b;
    if (char === 0x30) return 0x00;
    if ((point | 0x20) - 0x61 < 26 || point - 0x30 < 10) {
      const written = String.fromCodePoint(<i32>point);
      this.fail(
        `unknown escape \\${written}${point === 0x70 || point === 0x50 ? " (classes by Unicode property)" : ""}`,
        start,
      );
    }
    return point;
  }

  /** `HH`, `HHHH` or `{H…}`. A pair of surrogates, as JavaScript writes it, is one character. */
  private hexPoint(length: i32, start: i32): u32 {
    let end = this.at + length;
    const braced = this.take("{");
    if (braced) {
      end = this.pattern.indexOf("}", this.at);
      if (end <= this.at) end = this.pattern.length + 1;
    }
    const point = this.hex(this.at, end);
    if (point < 0 || point > <i32>CODE_POINT_MAX) {
      this.fail("not the number of a character", start);
      return 0;
    }
    this.at = braced ? end + 1 : end;
    if ((point & 0xfc00) === 0xd800 && this.pattern.startsWith("\\u", this.at)) {
      const low = this.hex(this.at + 2, this.at + 6);
      if ((low & 0xfc00) === 0xdc00) {
        this.at += 6;
        return 0x10000 + ((<u32>point & 0x3ff) << 10) + (<u32>low & 0x3ff);
      }
    }
    return <u32>point;
  }

  private hex(from: i32, to: i32): i32 {
    if (to > this.pattern.length || to - from > 6) return -1;
    let value: i32 = 0;
    for (let i = from; i < to; i++) {
      const char = this.pattern.charCodeAt(i);
      const letter = char | 0x20;
      if (char >= 0x30 && char <= 0x39) value = (value << 4) | (char - 0x30);
      else if (letter >= 0x61 && letter <= 0x66) value = (value << 4) | (letter - 0x57);
      else return -1;
    }
    return value;
  }
}
