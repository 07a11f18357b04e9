import { Bytes, fail, Output, SmartRecord } from "@fluvio/smartmodule";

/** Puts the offset and the time that the module sees before the value; the key gets a star, a value becomes a key. */
export function map(record: SmartRecord): Output {
  const value = record.value;
  if (value.equals("refuse")) return fail<Output>(`refused at ${record.offset}`);
  const stamp = Bytes.of(`${record.offset}@${record.timestamp}:`);
  const output = Output.of(joined(stamp, value));
  const key = record.key;
  if (key !== null) return output.withKey(joined(key, Bytes.of("*")));
  return value.length === 0 ? output.withoutKey() : output.withKey(value);
}

function joined(first: Bytes, second: Bytes): Uint8Array {
  const both = new Uint8Array(first.length + second.length);
  memory.copy(both.dataStart, first.ptr, first.length);
  memory.copy(both.dataStart + first.length, second.ptr, second.length);
  return both;
}
