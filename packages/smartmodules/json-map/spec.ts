import { Buffer } from "../shared/buffer";
import { plainText } from "../shared/json/list";
import { JsonPath } from "../shared/json/path";
import { malformed } from "../shared/json/syntax";
import { skipSpace } from "../shared/json/text";
import { Members } from "../shared/json/walk";
import { Defaults, Removal, Rules, Shift } from "./jolt";
import { Drop, Operation, Pick, Put, Rename } from "./operations";

/** In which order the parts of a step are done: the order of members in an object says nothing. */
const PARTS: string[] = ["pick", "drop", "rename", "default", "set"];

/** The parameter `spec`: a step, or an array of steps, as operations. */
export class Spec {
  /** Empty, or what is wrong with it. */
  error: string = "";
  operations: Array<Operation> = [];
  private source: Buffer;

  constructor(text: string) {
    this.source = new Buffer().text(text);
    this.error = malformed(this.source.ptr, this.source.length);
    if (this.error.length === 0) this.read(this.source.ptr, this.source.ptr + <usize>this.source.length);
  }

  private read(ptr: usize, end: usize): void {
    const start = skipSpace(ptr, end);
    if (load<u8>(start) !== 0x5b) {
      this.step(start, end);
      return;
    }
    const steps = new Members(start, end);
    while (steps.next() && this.error.length === 0) this.step(steps.start, steps.end);
  }

  private step(start: usize, end: usize): void {
    if (load<u8>(start) !== 0x7b) {
      this.error = "a step is a JSON object";
      return;
    }
    const operation = new JsonPath("operation");
    if (operation.find(start, <i32>(end - start))) {
      this.joltStep(textAt(operation.start, operation.end), start, end);
      return;
    }
    const members = new Members(start, end);
    while (members.next()) {
      const name = nameOf(members);
      if (!PARTS.includes(name))
        this.error = `unknown operation ${name}: there are ${PARTS.join(", ")}, and operation for Jolt`;
    }
    for (let i = 0; i < PARTS.length && this.error.length === 0; i++) {
      const part = new JsonPath(PARTS[i]);
      if (part.find(start, <i32>(end - start))) this.part(PARTS[i], part.start, part.end);
    }
  }

  private joltStep(name: string, start: usize, end: usize): void {
    const spec = new JsonPath("spec");
    if (!spec.find(start, <i32>(end - start))) {
      this.error = `${name}: spec is missing`;
      return;
    }
    const rules = new Rules(spec.start, spec.end);
    if (rules.error.length > 0) this.error = `${name}: ${rules.error}`;
    else if (name === "shift") this.operations.push(new Shift(rules));
    else if (name === "default") this.operations.push(new Defaults(rules));
    else if (name === "remove") this.operations.push(new Removal(rules));
    else this.error = `unknown operation ${name}: there are shift, default and remove`;
  }

  private part(name: string, start: usize, end: usize): void {
    const isList = name === "pick" || name === "drop";
    if (load<u8>(start) !== (isList ? 0x5b : 0x7b)) {
      this.error = isList ? `${name} is an array of paths` : `${name} is an object with paths as names`;
      return;
    }
    const picked: Array<JsonPath> = [];
    const members = new Members(start, end);
    while (members.next() && this.error.length === 0) {
      if (!isList) {
        const path = this.path(name, nameOf(members), name !== "rename", name === "set");
        if (name !== "rename") this.operations.push(new Put(path, members.start, members.end, name === "default"));
        else this.operations.push(new Rename(path, this.path(name, textAt(members.start, members.end), false, false)));
        continue;
      }
      const path = this.path(name, textAt(members.start, members.end), true, name === "pick");
      if (name === "pick") picked.push(path);
      else if (this.error.length === 0) this.operations.push(new Drop(path));
    }
    if (name === "pick") this.operations.push(new Pick(picked));
  }

  private path(part: string, text: string, wildcards: bool, mayBeAll: bool): JsonPath {
    const path = new JsonPath(text, wildcards);
    if (path.error.length > 0) this.error = `${part}: ${path.error}`;
    else if (path.segments.length === 0 && !mayBeAll) this.error = `${part}: $ is the whole record`;
    return path;
  }
}

function nameOf(members: Members): string {
  return textAt(members.nameStart - 1, members.nameStart + <usize>members.nameLength + 1);
}

function textAt(start: usize, end: usize): string {
  return plainText(start, end, new Buffer()).toString();
}
