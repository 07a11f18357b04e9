import { Bytes } from "@fluvio/smartmodule";
import { Buffer } from "../shared/buffer";
import { Decimal } from "../shared/decimal";
import { malformed } from "../shared/json/syntax";
import { hasEscape, skipSpace, unescaped } from "../shared/json/text";
import { valueEnd } from "../shared/json/walk";

/** What two values give that have no order, such as a text and a number. */
export const NO_ORDER: i32 = i32.MIN_VALUE;

const NOT_WHOLE: i64 = i64.MIN_VALUE;

const fieldText = new Buffer();
const fieldNumber = new Decimal();

/**
 * A value to compare with. The type of the field decides: a number is compared with `5` as a number, a text as a text. In
 * quotes, `"5"`, it is a text in any case.
 */
export class Operand {
  /** What it is as a text. */
  private text: Buffer = new Buffer();
  private view: Bytes = new Bytes(0, 0);
  private number: Decimal = new Decimal();
  private isNumber: bool = false;
  private isQuoted: bool = false;
  /** The number, if it is a whole one of few digits. */
  private whole: i64 = NOT_WHOLE;

  constructor(given: string) {
    const written = new Buffer().text(given);
    const start: usize = written.length === 0 ? 0 : skipSpace(written.ptr, written.ptr + <usize>written.length);
    this.isQuoted =
      written.length > 0 && load<u8>(start) === 0x22 && malformed(written.ptr, written.length).length === 0;
    if (this.isQuoted) {
      const end = valueEnd(start, written.ptr + <usize>written.length);
      unescaped(start + 1, <i32>(end - start) - 2, this.text);
    } else {
      this.text.text(given);
      this.isNumber =
        malformed(written.ptr, written.length).length === 0 && this.number.read(written.ptr, written.length);
    }
    if (this.isNumber) this.whole = wholeNumber(this.text.ptr, this.text.length);
    this.view = new Bytes(this.text.ptr, this.text.length);
  }

  /** Below 0, 0 or above 0 as a field (JSON) is below, equal to or above this; or NO_ORDER. */
  order(start: usize, end: usize): i32 {
    const first = load<u8>(start);
    const length = <i32>(end - start);
    if (first === 0x22) return this.orderOfText(start + 1, length - 2);
    if (first === 0x2d || first - 0x30 < 10) {
      if (!this.isNumber) return NO_ORDER;
      const whole = wholeNumber(start, length);
      if (this.whole !== NOT_WHOLE && whole !== NOT_WHOLE) return whole < this.whole ? -1 : <i32>(whole > this.whole);
      return fieldNumber.read(start, length) ? fieldNumber.compare(this.number) : NO_ORDER;
    }
    // true, false and null are equal to themselves; what is in brackets has no order
    const isWord = first === 0x74 || first === 0x66 || first === 0x6e;
    return isWord && !this.isQuoted && this.text.equals(start, length) ? 0 : NO_ORDER;
  }

  /** Whether a field may be below or above this: a text that is to be above 10 is a mistake, not an order of letters. */
  hasOrder(start: usize): bool {
    const first = load<u8>(start);
    return first === 0x22 ? !this.isNumber : first === 0x2d || first - 0x30 < 10;
  }

  private orderOfText(start: usize, length: i32): i32 {
    const field = textOf(start, length);
    const common = min(field.length, this.text.length);
    const order = memory.compare(field.ptr, this.text.ptr, common);
    return order !== 0 ? order : field.length - this.text.length;
  }

  /** Whether this is a part of a string, whose bytes between the quotes are given. */
  isIn(start: usize, length: i32): bool {
    return textOf(start, length).includes(this.view);
  }

  /** Whether a name, still escaped, is this text. */
  isName(start: usize, length: i32): bool {
    const name = textOf(start, length);
    return this.text.equals(name.ptr, name.length);
  }
}

/** What a string stands for; it holds until the next one. */
export function textOf(start: usize, length: i32): Bytes {
  if (!hasEscape(start, length)) return new Bytes(start, length);
  unescaped(start, length, fieldText.clear());
  return new Bytes(fieldText.ptr, fieldText.length);
}

/** A number of digits alone, or NOT_WHOLE: most are, and need no exact decimals to be compared. */
function wholeNumber(start: usize, length: i32): i64 {
  if (length > 18) return NOT_WHOLE;
  const end = start + <usize>length;
  const isNegative = load<u8>(start) === 0x2d;
  let value: i64 = 0;
  for (let at = isNegative ? start + 1 : start; at < end; at++) {
    const digit = load<u8>(at) - 0x30;
    if (digit > 9) return NOT_WHOLE;
    value = value * 10 + <i64>digit;
  }
  return isNegative ? -value : value;
}
