/** Random JSON, written in random ways, and what JSON.parse makes of it: the model for the modules that work on JSON. */
import fc from "fast-check";

export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

const NAMES = ["a", "b", "c", "é", "x y", 'q"uote', "0", "1"];
const TEXTS = ["", "a", "ab", "5", "true", "é😀", "line\nbreak", 'q"uote\\', "\u0001", "zebra", "/"];

export const name: fc.Arbitrary<string> = fc.constantFrom(...NAMES);
const number = fc.oneof(fc.integer({ min: -20, max: 20 }), fc.double({ noNaN: true, noDefaultInfinity: true }));

export const json: fc.Arbitrary<Json> = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.constantFrom<Json>(null, true, false),
    number.map((value) => (Object.is(value, -0) ? 0 : value)),
    fc.constantFrom(...TEXTS),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.uniqueArray(fc.tuple(name, tie("value")), { maxLength: 4, selector: ([key]) => key }).map(Object.fromEntries),
  ),
})).value;

/** A JSON object. */
export const object: fc.Arbitrary<Json> = fc
  .uniqueArray(fc.tuple(name, json), { minLength: 1, maxLength: 5, selector: ([key]) => key })
  .map(Object.fromEntries);

/** JSON with white space, escapes that nobody needs and names that come twice, from a list of random numbers. */
export function written(value: Json, random: readonly number[]): string {
  let at = 0;
  const next = (below: number) => (random[at++ % random.length] as number) % below;
  const space = () => ["", "", "", " ", "\n\t", "\r\n "][next(6)] as string;
  const text = (given: string) => {
    if (next(3) > 0) return JSON.stringify(given);
    const units = Array.from({ length: given.length }, (_, i) => given.charCodeAt(i).toString(16).padStart(4, "0"));
    return `"${units.map((unit) => `\\u${unit}`).join("")}"`;
  };
  const write = (given: Json): string => {
    if (typeof given === "string") return text(given);
    if (typeof given !== "object" || given === null) return JSON.stringify(given);
    const parts = Array.isArray(given)
      ? given.map((element: Json) => space() + write(element) + space())
      : Object.entries(given).flatMap(([key, member]) => {
          const part = (shown: string) => `${space()}${text(key)}${space()}:${space()}${shown}${space()}`;
          // of members with the same name the last counts
          return next(8) === 0 ? [part('{"gone":[1]}'), part(write(member as Json))] : [part(write(member as Json))];
        });
    const inside = parts.length === 0 ? space() : parts.join(",");
    return Array.isArray(given) ? `[${inside}]` : `{${inside}}`;
  };
  return space() + write(value) + space();
}

export const randomNumbers = fc.array(fc.nat({ max: 1000 }), { minLength: 16, maxLength: 32 });

/** A path as its segments; most of them lead somewhere. */
export const segments = fc.array(fc.oneof(name, fc.nat({ max: 3 })), { minLength: 1, maxLength: 3 });

export function pathText(parts: readonly (string | number)[]): string {
  return `$${parts.map((part) => `[${typeof part === "number" ? part : `'${part}'`}]`).join("")}`;
}

/** What is at a path; undefined for nothing. A number may also be the name of a member, a name the number of an element. */
export function at(value: Json, parts: readonly (string | number)[]): Json | undefined {
  let found: Json | undefined = value;
  for (const part of parts) {
    if (typeof found !== "object" || found === null) return undefined;
    found = Object.hasOwn(found, part) && part !== "length" ? (found as Record<string, Json>)[part] : undefined;
  }
  return found;
}

/** The text with a few bytes changed, left out or put in: seldom JSON. */
export function broken(text: string, random: readonly number[]): string {
  const place = (random[0] as number) % (text.length + 1);
  const piece = ['"', "{", "}", "[", "]", ",", ":", "0", "-", "e", ".", "\\", "n", "tru", " ", "\u0001"][
    (random[1] as number) % 16
  ] as string;
  const kind = (random[2] as number) % 3;
  const changed = text.slice(0, place) + (kind < 2 ? piece : "") + text.slice(place + (kind > 0 ? 1 : 0));
  // half a character of two units has no UTF-8
  return Buffer.from(changed).toString();
}
