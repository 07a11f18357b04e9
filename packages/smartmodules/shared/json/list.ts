import { Buffer } from "../buffer";
import { malformed } from "./syntax";
import { skipSpace, unescaped } from "./text";
import { Members } from "./walk";

/** The texts of a JSON array (of others than strings, their JSON), or those that commas separate; without white space around. */
export function listOf(given: string): string[] {
  const list: string[] = [];
  const text = new Buffer().text(given);
  const start = skipSpace(text.ptr, text.ptr + <usize>text.length);
  const isArray = text.length > 0 && load<u8>(start) === 0x5b && malformed(text.ptr, text.length).length === 0;
  if (!isArray) {
    const parts = given.split(",");
    for (let i = 0; i < parts.length; i++) if (parts[i].trim().length > 0) list.push(parts[i].trim());
    return list;
  }
  const members = new Members(start, text.ptr + <usize>text.length);
  while (members.next()) list.push(plainText(members.start, members.end, new Buffer()).toString());
  return list;
}

/** Appends what a string stands for, or any other value as it is written. */
export function plainText(start: usize, end: usize, out: Buffer): Buffer {
  if (load<u8>(start) === 0x22) return unescaped(start + 1, <i32>(end - start) - 2, out);
  return out.bytes(start, <i32>(end - start));
}
