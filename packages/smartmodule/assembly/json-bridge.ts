/** Stands in for json-as in modules that do not use it: the builder puts `json-bridge-on.ts` in its place when they do. */

export function stringify<T>(value: T): string {
  ERROR("this is neither text, bytes, an Output nor a class marked @json");
  return "";
}

export function parse<T>(json: string, ptr: usize, size: i32): T {
  ERROR("a class has to be marked @json to be read from JSON");
}
