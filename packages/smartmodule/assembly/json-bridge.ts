/** Stands in for json-as in modules that do not use it: the builder puts `json-bridge-on.ts` in its place when they do. */

export function stringify<T>(value: T): string {
  ERROR("NOT_BYTES");
  return "";
}

export function parse<T>(text: string): T {
  ERROR("NOT_JSON");
}
