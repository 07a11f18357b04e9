import { Buffer } from "../shared/buffer";
import { Decimal } from "../shared/decimal";
import { JsonPath } from "../shared/json/path";

const sumPath = new JsonPath("sum");
const countPath = new JsonPath("count");

/** What the accumulator holds for one key: a number, or for an average its sum and count beside it. */
export class Entry {
  private isNew: bool = true;
  /** What was calculated so far, and how it is written. */
  private number: Decimal = new Decimal();
  private text: Buffer = new Buffer();
  private count: u64 = 0;
  /** How the value of the record is written. */
  private givenText: Buffer = new Buffer();
  private result: Decimal = new Decimal();

  clear(): void {
    this.isNew = true;
    this.count = 0;
    this.number.read(ZERO, 1);
  }

  /** The value of the record as it is written. */
  given(start: usize, end: usize): void {
    this.givenText.clear().bytes(start, <i32>(end - start));
  }

  /** Reads what the accumulator holds; false when that is something else. */
  read(calculation: string, start: usize, end: usize): bool {
    this.isNew = false;
    if (calculation === "count") return this.readCount(start, end);
    if (calculation === "average") {
      if (!countPath.find(start, <i32>(end - start)) || !this.readCount(countPath.start, countPath.end)) return false;
      if (!sumPath.find(start, <i32>(end - start))) return false;
      return this.number.read(sumPath.start, <i32>(sumPath.end - sumPath.start));
    }
    this.text.clear().bytes(start, <i32>(end - start));
    return this.number.read(start, <i32>(end - start));
  }

  private readCount(start: usize, end: usize): bool {
    this.count = 0;
    for (let at = start; at < end; at++) {
      const digit = load<u8>(at) - 0x30;
      if (digit > 9 || end - start > 18) return false;
      this.count = this.count * 10 + digit;
    }
    return true;
  }

  /** Appends it with a value taken in; false when the result has too many digits. */
  write(calculation: string, value: Decimal, out: Buffer): bool {
    if (calculation === "count") {
      out.text((this.count + 1).toString());
      return true;
    }
    if (calculation === "min" || calculation === "max") {
      const order = this.isNew ? 0 : value.compare(this.number);
      const taken = this.isNew || (calculation === "min" ? order < 0 : order > 0);
      const text = taken ? this.givenText : this.text;
      out.bytes(text.ptr, text.length);
      return true;
    }
    if (!this.result.setSum(this.number, value)) return false;
    if (calculation === "sum") {
      this.result.write(out);
      return true;
    }
    out.text('{"average":');
    this.number.setQuotient(this.result, this.count + 1);
    this.number.write(out);
    out.text(',"sum":');
    this.result.write(out);
    out.text(`,"count":${this.count + 1}}`);
    return true;
  }
}

const ZERO = memory.data<u8>([0x30]);
