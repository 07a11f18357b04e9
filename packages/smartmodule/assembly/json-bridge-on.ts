/** The way to json-as, in modules that use it. */
import { JSON } from "json-as";
import { getParseSrc, setParseSrc, takeProductionParseError } from "json-as/assembly/deserialize";
import { fail } from "./failure";

export function stringify<T>(value: T): string {
  return JSON.stringify<T>(value);
}

export function parse<T>(text: string): T {
  return JSON.parse<T>(text);
}
