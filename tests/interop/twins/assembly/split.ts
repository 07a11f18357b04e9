import { fail, Output, SmartRecord } from "@fluvio/smartmodule";

const COMMA: u8 = 0x2c;
const EXCLAMATION: u8 = 0x21;

/** One record for each part between commas, the first with the key; nothing for an empty value. */
export function arrayMap(record: SmartRecord): Output[] {
  const value = record.value;
  const parts: Output[] = [];
  if (value.length === 0) return parts;
  if (value[0] === EXCLAMATION) return fail<Output[]>("not to be split");
  let from = 0;
  for (let at = 0; at <= value.length; at++) {
    if (at < value.length && value[at] !== COMMA) continue;
    const part = Output.of(value.slice(from, at));
    parts.push(from === 0 ? part : part.withoutKey());
    from = at + 1;
  }
  return parts;
}
