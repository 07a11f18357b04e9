import { fail, Params } from "@fluvio/smartmodule";
import { listOf } from "./json/list";
import { JsonPath } from "./json/path";

/** What becomes of a record that a module cannot work on; which of them there are depends on the kind of the module. */
export const ON_ERROR: string = "on-error";

/** Reads the parameters of a module; whatever is wrong makes `init` fail with its name and value. */
export class Options {
  private params: Params;
  private known: string[] = [];

  constructor(params: Params) {
    this.params = params;
  }

  /** The value of a parameter, or `otherwise`. */
  text(name: string, otherwise: string): string {
    this.known.push(name);
    const given = this.params.get(name);
    return given === null ? otherwise : given;
  }

  has(name: string): bool {
    return this.params.has(name);
  }

  required(name: string): string {
    this.known.push(name);
    return this.params.require(name);
  }

  /** `true` or `false`, which it is without. */
  flag(name: string): bool {
    return this.choice(name, ["false", "true"]) === "true";
  }

  /** One of several words; the first one without. */
  choice(name: string, words: string[]): string {
    const given = this.text(name, words[0]);
    if (!words.includes(given)) fail<void>(`Invalid param ${name}: ${given} is none of ${words.join(", ")}`);
    return given;
  }

  /** A whole number from `low` to `high`. */
  count(name: string, otherwise: i64, low: i64, high: i64): i64 {
    const given = this.text(name, otherwise.toString());
    let value: i64 = given.length > 0 && given.length < 19 ? 0 : -1;
    for (let i = 0; i < given.length && value >= 0; i++) {
      const digit = given.charCodeAt(i) - 0x30;
      value = digit >= 0 && digit <= 9 ? value * 10 + digit : -1;
    }
    if (value >= low && value <= high) return value;
    fail<void>(`Invalid param ${name}: ${given} is no whole number from ${low} to ${high}`);
    return low;
  }

  /** A place in JSON. */
  path(name: string, otherwise: string): JsonPath {
    const path = new JsonPath(this.text(name, otherwise));
    if (path.error.length > 0) fail<void>(`Invalid param ${name}: ${path.error}`);
    return path;
  }

  /** Several texts: a JSON array of them, or separated by commas. */
  list(name: string): string[] {
    return listOf(this.text(name, ""));
  }

  /** Refuses parameters that nothing asked for: a name with a typing error would be silently without effect. */
  done(): void {
    const names = this.params.names;
    for (let i = 0; i < names.length; i++) {
      if (!this.known.includes(names[i])) fail<void>(`Unknown param ${names[i]}: there are ${this.known.join(", ")}`);
    }
  }
}
