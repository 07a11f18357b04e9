import { Bytes, fail, SmartRecord } from "@fluvio/smartmodule";

/** The number of records so far, as decimal text; an initial accumulator is where it begins. */
export function aggregate(accumulator: Bytes, _record: SmartRecord): string {
  let count: u64 = 0;
  for (let i = 0; i < accumulator.length; i++) {
    const digit = accumulator[i] - 0x30;
    if (digit > 9 || i > 17) return fail<string>(`the accumulator is no count: ${accumulator.slice(0, 40).toString()}`);
    count = count * 10 + digit;
  }
  return (count + 1).toString();
}
