import { Buffer } from "./buffer";

/** Digits that a sum may have; a number that would need more (such as 1e999999 + 1) is refused. */
const DIGITS_MAX: i64 = 1000;
/** Digits of a quotient that does not end before. */
const QUOTIENT_DIGITS: i32 = 17;
/** Exponents are counted up to here; what lies beyond is taken for it. */
const EXPONENT_MAX: i64 = 1_000_000_000_000;

/**
 * A decimal number, exact: 0.d1d2d3… times ten to the power of `exponent`, without zeros at either end of the digits. Zero
 * has no digits.
 */
export class Decimal {
  negative: bool = false;
  exponent: i64 = 0;
  digits: Buffer = new Buffer();

  get isZero(): bool {
    return this.digits.length === 0;
  }

  /** Reads a number as JSON writes it; false when the bytes are none. */
  read(start: usize, length: i32): bool {
    const end = start + <usize>length;
    let at = start;
    this.digits.clear();
    this.exponent = 0;
    this.negative = at < end && load<u8>(at) === 0x2d;
    if (this.negative) at++;
    let seen = 0;
    let fraction = false;
    while (at < end) {
      const byte = load<u8>(at);
      if (byte === 0x2e && !fraction) fraction = true;
      else if (byte - 0x30 < 10) {
        seen++;
        this.digit(byte - 0x30, fraction);
      } else break;
      at++;
    }
    if (seen === 0) return false;
    if (at < end && (load<u8>(at) | 0x20) === 0x65) at = this.readExponent(at + 1, end);
    this.trim();
    return at === end;
  }

  /** Takes the next digit of what is read; zeros before the first other one only move the point. */
  private digit(digit: u8, fraction: bool): void {
    if (digit === 0 && this.isZero) {
      if (fraction) this.exponent--;
      return;
    }
    this.digits.byte(digit);
    if (!fraction) this.exponent++;
  }

  /** The end of the exponent, or 0 when it is none. */
  private readExponent(start: usize, end: usize): usize {
    let at = start;
    const down = at < end && load<u8>(at) === 0x2d;
    if (down || (at < end && load<u8>(at) === 0x2b)) at++;
    if (at >= end) return 0;
    let value: i64 = 0;
    for (; at < end && load<u8>(at) - 0x30 < 10; at++)
      value = min(value * 10 + <i64>(load<u8>(at) - 0x30), EXPONENT_MAX);
    this.exponent += down ? -value : value;
    return at;
  }

  private trim(): void {
    const digits = this.digits;
    while (digits.length > 0 && load<u8>(digits.ptr + <usize>digits.length - 1) === 0) digits.length--;
    let zeros = 0;
    while (zeros < digits.length && load<u8>(digits.ptr + <usize>zeros) === 0) zeros++;
    if (zeros > 0) {
      memory.copy(digits.ptr, digits.ptr + <usize>zeros, digits.length - zeros);
      digits.length -= zeros;
      this.exponent -= zeros;
    }
    if (digits.length === 0) {
      this.negative = false;
      this.exponent = 0;
    }
  }

  /** The digit that counts 10^power. */
  private digitAt(power: i64): i32 {
    const index = this.exponent - 1 - power;
    return index < 0 || index >= this.digits.length ? 0 : load<u8>(this.digits.ptr + <usize>index);
  }

  /** Negative, 0 or positive, as this is below, equal to or above the other one. */
  compare(other: Decimal): i32 {
    if (this.isZero || other.isZero || this.negative !== other.negative) return this.sign() - other.sign();
    return this.negative ? other.compareSize(this) : this.compareSize(other);
  }

  private sign(): i32 {
    return this.isZero ? 0 : this.negative ? -1 : 1;
  }

  /** Compares without regard to the sign; neither is zero. */
  private compareSize(other: Decimal): i32 {
    if (this.exponent !== other.exponent) return this.exponent < other.exponent ? -1 : 1;
    const common = min(this.digits.length, other.digits.length);
    const order = memory.compare(this.digits.ptr, other.digits.ptr, common);
    return order !== 0 ? order : this.digits.length - other.digits.length;
  }

  /** Becomes the sum of two others; false when that has more than {@link DIGITS_MAX} digits. */
  setSum(a: Decimal, b: Decimal): bool {
    const top = a.isZero ? b.exponent : b.isZero ? a.exponent : max(a.exponent, b.exponent);
    const lowA = a.exponent - a.digits.length;
    const lowB = b.exponent - b.digits.length;
    const low = a.isZero ? lowB : b.isZero ? lowA : min(lowA, lowB);
    if (top - low > DIGITS_MAX || top > DIGITS_MAX || low < -DIGITS_MAX) return false;
    const subtract = a.negative !== b.negative && !a.isZero && !b.isZero;
    const swap = subtract && a.compareSize(b) < 0;
    const large = swap ? b : a;
    const small = swap ? a : b;
    const count = <i32>(top - low) + 1;
    this.digits.clear();
    for (let i = 0; i < count; i++) this.digits.byte(0);
    let carry = 0;
    for (let i = count - 1; i >= 0; i--) {
      const power = low + <i64>(count - 1 - i);
      let digit = large.digitAt(power) + carry + (subtract ? -small.digitAt(power) : small.digitAt(power));
      carry = digit < 0 ? -1 : digit > 9 ? 1 : 0;
      digit -= carry * 10;
      store<u8>(this.digits.ptr + <usize>i, <u8>digit);
    }
    this.exponent = top + 1;
    this.negative = large.isZero ? small.negative : large.negative;
    this.trim();
    return true;
  }

  /** Becomes a divided by a whole number above 0, rounded half away from zero after 17 digits. */
  setQuotient(a: Decimal, divisor: u64): void {
    this.digits.clear();
    this.negative = a.negative;
    this.exponent = a.exponent;
    let rest: u64 = 0;
    let index = 0;
    let digits = 0;
    while (digits <= QUOTIENT_DIGITS && (index < a.digits.length || rest > 0)) {
      rest = rest * 10 + (index < a.digits.length ? <u64>load<u8>(a.digits.ptr + <usize>index) : 0);
      const digit = rest / divisor;
      rest %= divisor;
      index++;
      this.digits.byte(<i32>digit);
      if (digit > 0 || digits > 0) digits++;
    }
    if (digits > QUOTIENT_DIGITS) this.roundLast();
    this.trim();
  }

  /** Leaves the last digit out, counting the one before up if it was 5 or more. */
  private roundLast(): void {
    const digits = this.digits;
    let index = digits.length - 1;
    const up = load<u8>(digits.ptr + <usize>index) >= 5;
    digits.length = index--;
    if (!up) return;
    for (; index >= 0 && load<u8>(digits.ptr + <usize>index) === 9; index--) store<u8>(digits.ptr + <usize>index, 0);
    if (index >= 0) {
      store<u8>(digits.ptr + <usize>index, load<u8>(digits.ptr + <usize>index) + 1);
      return;
    }
    digits.byte(0);
    memory.copy(digits.ptr + 1, digits.ptr, digits.length - 1);
    store<u8>(digits.ptr, 1);
    this.exponent++;
  }

  /** Appends the number as decimal text, without an exponent. */
  write(out: Buffer): void {
    if (this.isZero) {
      out.byte(0x30);
      return;
    }
    if (this.negative) out.byte(0x2d);
    const low = this.exponent - this.digits.length;
    if (this.exponent <= 0) out.byte(0x30);
    for (let power = this.exponent - 1; power >= 0; power--) out.byte(0x30 + this.digitAt(power));
    if (low >= 0) return;
    out.byte(0x2e);
    for (let power: i64 = -1; power >= low; power--) out.byte(0x30 + this.digitAt(power));
  }
}
