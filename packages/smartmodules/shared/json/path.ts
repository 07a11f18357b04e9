import { Segment } from "./segment";
import { foundEnd, foundStart, search } from "./syntax";
import { isName, skipSpace } from "./text";
import { Members, valueEnd } from "./walk";

/**
 * A place in JSON: `a.b[0].c`. Accepted are also `$` (all of it), `$.a.b`, `.a.b`, `a.0` for `a[0]`, and names in brackets,
 * `["a.b"]` or `['a.b']`. With `wildcards`, `*` and `[*]` stand for every member and element.
 */
export class JsonPath {
  /** Empty, or what is wrong with the path. */
  error: string = "";
  segments: Array<Segment> = [];
  text: string;
  /** The value that was found: from `start` to before `end`. */
  start: usize = 0;
  end: usize = 0;

  constructor(text: string, wildcards: bool = false) {
    this.text = text;
    this.parse(text, wildcards);
  }

  private parse(text: string, wildcards: bool): void {
    let at = text.startsWith("$") ? 1 : 0;
    const rooted = at === 1;
    if (text.length === 0) this.error = "an empty path (all of the value is $)";
    if (!rooted && text.startsWith(".")) at = 1;
    else if (rooted && text.startsWith(".", at)) at++;
    else if (rooted && at < text.length && !text.startsWith("[", at)) at = 0;
    while (at < text.length && this.error.length === 0) {
      const open = text.charCodeAt(at) === 0x5b;
      at = open ? this.bracket(text, at, wildcards) : this.plain(text, at, wildcards);
      if (this.error.length > 0 || at >= text.length) break;
      const char = text.charCodeAt(at);
      if (char === 0x2e && at + 1 < text.length && text.charCodeAt(at + 1) !== 0x5b) at++;
      else if (char !== 0x5b) this.wrong(text, at);
    }
  }

  private wrong(text: string, at: i32): i32 {
    this.error = `not a path: ${text} (at character ${at + 1})`;
    return at;
  }

  private push(name: string, any: bool): void {
    const segment = new Segment(name);
    segment.any = any;
    this.segments.push(segment);
  }

  /** `name`, up to a dot or a bracket. */
  private plain(text: string, start: i32, wildcards: bool): i32 {
    let end = start;
    while (end < text.length && text.charCodeAt(end) !== 0x2e && text.charCodeAt(end) !== 0x5b) end++;
    if (end === start) return this.wrong(text, start);
    const name = text.substring(start, end);
    this.push(name, wildcards && name === "*");
    return end;
  }

  /** `[0]`, `[*]`, `["name"]` or `['name']`. */
  private bracket(text: string, start: i32, wildcards: bool): i32 {
    const quote = start + 1 < text.length ? text.charCodeAt(start + 1) : 0;
    if (quote === 0x22 || quote === 0x27) {
      const close = text.indexOf(quote === 0x22 ? '"]' : "']", start + 2);
      if (close < 0) return this.wrong(text, start);
      this.push(text.substring(start + 2, close), false);
      return close + 2;
    }
    const close = text.indexOf("]", start);
    if (close < 0) return this.wrong(text, start);
    const inside = text.substring(start + 1, close);
    const any = wildcards && inside === "*";
    this.push(inside, any);
    if (!any && this.segments[this.segments.length - 1].index < 0) return this.wrong(text, start + 1);
    return close + 1;
  }

  /** Whether a text is JSON, as `malformed`, and where in it the value is: `start` is 0 when it is not there. */
  search(ptr: usize, length: i32): string {
    const problem = search(ptr, length, this.segments);
    this.start = foundStart;
    this.end = foundEnd;
    return problem;
  }

  /**
   * Finds the value in a text that is known to be JSON; of members with the same name the last counts. Wildcards are not
   * looked at.
   */
  find(ptr: usize, length: i32): bool {
    const end = ptr + <usize>length;
    let start = skipSpace(ptr, end);
    for (let i = 0; i < this.segments.length; i++) {
      start = child(start, end, this.segments[i]);
      if (start === 0) return false;
    }
    this.start = start;
    this.end = valueEnd(start, end);
    return true;
  }
}

/** Where the member or element of a value begins; 0 when there is none. */
function child(start: usize, end: usize, segment: Segment): usize {
  const first = load<u8>(start);
  if ((first & 0xdf) !== 0x5b) return 0;
  const members = new Members(start, end);
  let found: usize = 0;
  if (first === 0x5b) {
    if (segment.index < 0) return 0;
    while (members.count <= segment.index && members.next()) found = members.start;
    return members.count > segment.index ? found : 0;
  }
  while (members.next()) if (isName(members.nameStart, members.nameLength, segment.name)) found = members.start;
  return found;
}
