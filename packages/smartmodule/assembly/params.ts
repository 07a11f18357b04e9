import { fail } from "./failure";

/** The parameters that the user gave the module. */
@final
export class Params {
  private readonly entries: Map<string, string> = new Map();

  /** The value of a parameter, or null when it was not given. */
  get(name: string): string | null {
    return this.entries.has(name) ? this.entries.get(name) : null;
  }

  /** Whether a parameter was given. */
  has(name: string): bool {
    return this.entries.has(name);
  }

  /** The value of a parameter that has to be there: without it `init` fails, and this gives an empty text. */
  require(name: string): string {
    if (this.entries.has(name)) return this.entries.get(name);
    fail<void>(`Missing param ${name}`);
    return "";
  }

  /** The names of all parameters that were given, in no order. */
  get names(): string[] {
    return this.entries.keys();
  }

  set(name: string, value: string): void {
    this.entries.set(name, value);
  }
}
