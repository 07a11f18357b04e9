/** The way to json-as, in modules that use it. */
import { JSON } from "json-as";
import { getParseSrc, setParseSrc, takeProductionParseError } from "json-as/assembly/deserialize";
import { checkJson } from "./json/check";
import { fail } from "./failure";

const QUOTE: u16 = 0x22;
const OPEN_BRACKET: u16 = 0x5b;
const OPEN_BRACE: u16 = 0x7b;

/** An object as JSON. */
export function stringify<T>(value: T): string {
  needsJsonType<T>();
  return JSON.stringify<T>(value);
}

/**
 * Reads an object from JSON. What is no JSON, or no object or array where one is wanted, reports an error as `fail` does,
 * and gives an object as it is when it is new.
 */
export function parse<T>(json: string, ptr: usize, size: i32): T {
  if (!isReference<T>()) ERROR("single values are read with jsonField");
  needsJsonType<T>();
  const type = changetype<nonnull<T>>(0);
  const problem = checkJson(ptr, size);
  if (problem.length > 0) return refuse<T>(problem);
  let start = changetype<usize>(json);
  let end = start + (<usize>json.length << 1);
  while (JSON.Util.isSpace(load<u16>(start))) start += 2;
  while (JSON.Util.isSpace(load<u16>(end - 2))) end -= 2;
  const first = load<u16>(start);
  if (isDefined(type.__DESERIALIZE_SLOW) || type instanceof JSON.Obj || type instanceof Map) {
    if (first !== OPEN_BRACE) return refuse<T>("the JSON is no object");
  } else if (isString<T>()) {
    if (first !== QUOTE) return refuse<T>("the JSON is no text");
  } else if (isArrayLike<T>() || type instanceof Set || type instanceof JSON.Arr) {
    if (first !== OPEN_BRACKET) return refuse<T>("the JSON is no array");
  }
  // what is read lazily later looks into the text that is being read
  const before = getParseSrc();
  setParseSrc(json);
  const value = JSON.__deserialize<T>(start, end);
  setParseSrc(before);
  if (!takeProductionParseError() && changetype<usize>(value) !== 0) return value;
  return refuse<T>(`the JSON does not fit ${nameof<T>()}`);
}

function refuse<T>(problem: string): T {
  fail<void>(problem);
  if (isString<T>()) return changetype<T>("");
  const type = changetype<nonnull<T>>(0);
  if (type instanceof JSON.Value) return changetype<T>(JSON.parse<JSON.Value>("null"));
  if (!isDefined(type.__INITIALIZE)) return instantiate<T>();
  const object = changetype<T>(__new(offsetof<nonnull<T>>(), idof<nonnull<T>>()));
  object.__INITIALIZE();
  return object;
}

/** Refuses, when it is compiled, types that json-as cannot write and read. Each condition stands alone: all are constant. */
// @ts-ignore: decorator
@inline
function needsJsonType<T>(): void {
  const type = changetype<nonnull<T>>(0);
  if (isString<T>()) {
  } else if (isArrayLike<T>()) {
  } else if (isDefined(type.__SERIALIZE)) {
  } else if (isDefined(type.__SERIALIZE_CUSTOM)) {
  } else if (type instanceof Map) {
  } else if (type instanceof Set) {
  } else if (type instanceof JSON.Value) {
  } else if (type instanceof JSON.Obj) {
  } else if (type instanceof JSON.Arr) {
  } else if (type instanceof JSON.Raw) {
  } else ERROR("this is no class marked @json, and neither text, an array nor a Map");
}
