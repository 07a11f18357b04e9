import { Bytes, fail, jsonQuote, SmartRecord } from "@fluvio/smartmodule";

/**
 * Takes `fact` out of a JSON object and gives it as a JSON value of its own:
 *
 *   {"fact":"Cats sleep a lot.","length":17}  becomes  "Cats sleep a lot."
 *
 * The key is kept, a missing field gives `null`, and a value that is no JSON is an error.
 */
export function map(record: SmartRecord): Bytes {
  if (record.value.jsonError() !== null) return fail<Bytes>("the value is not JSON");
  const fact = record.value.jsonField("fact");
  if (!fact.exists) return Bytes.of("null");
  return fact.isString ? jsonQuote(fact.text) : fact.compact();
}
