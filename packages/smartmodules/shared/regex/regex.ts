import { Matcher } from "./matcher";
import { Parser } from "./parser";
import { Program } from "./program";

/**
 * A regular expression over the bytes of UTF-8 text. Matching takes time in proportion to the length of the text, for
 * every expression. Syntax as in JavaScript and in the Rust crate `regex`, as far as the two agree; without look-around
 * and back references. `\d`, `\w` and `\b` mean ASCII, `\s` every white space, `.` everything but a line feed; `(?i)`,
 * `(?m)` and `(?s)` stand where they begin to hold.
 */
export class Regex {
  /** Empty, or what is wrong with the expression and where (characters counted from 0). */
  error: string = "";
  private matcher: Matcher | null = null;

  constructor(pattern: string, ignoreCase: bool = false) {
    const parser = new Parser(pattern, ignoreCase);
    const root = parser.parse();
    if (parser.error.length > 0) {
      this.error = `${parser.error} at position ${parser.errorAt} of ${pattern}`;
    } else {
      const program = new Program();
      program.build(root);
      if (program.tooLarge) this.error = `too large when its repeats are written out: ${pattern}`;
      else this.matcher = new Matcher(program);
    }
  }

  /** Whether the bytes hold a match. */
  test(start: usize, length: i32): bool {
    const matcher = this.matcher;
    return matcher !== null && matcher.test(start, length);
  }
}
