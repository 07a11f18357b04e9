import { Buffer } from "../buffer";
import { quoted } from "./text";

/** One step of a path: a member by name, or an element by number, as what is there has it. */
export class Segment {
  name: Buffer = new Buffer();
  /** The name as it is written in JSON, with quotes. */
  quotedName: Buffer = new Buffer();
  /** Number of the element, -1 when the segment is no number. */
  index: i32 = -1;
  /** Every member, every element. */
  any: bool = false;

  constructor(text: string) {
    this.name.text(text);
    quoted(this.name.ptr, this.name.length, this.quotedName);
    let index = text.length === 0 || text.length > 9 ? -1 : 0;
    for (let i = 0; i < text.length && index >= 0; i++) {
      const digit = text.charCodeAt(i) - 0x30;
      index = digit >= 0 && digit <= 9 ? index * 10 + digit : -1;
    }
    this.index = index;
  }
}
