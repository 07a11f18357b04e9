import { Buffer } from "../buffer";
import { Segment } from "./segment";
import { isName, isSameName, nameHash, skipSpace } from "./text";
import { Members, valueEnd } from "./walk";

/** A member of an object; the name without quotes and still escaped. */
export class Member {
  nameStart: usize = 0;
  nameLength: i32 = 0;
  /** Holds the bytes of a name that is not the record's. */
  nameOwner: Buffer | null = null;
  value: Tree;

  constructor(value: Tree) {
    this.value = value;
  }

  rename(segment: Segment): void {
    const name = segment.quotedName;
    this.nameOwner = name;
    this.nameStart = name.ptr + 1;
    this.nameLength = name.length - 2;
  }

  has(name: Buffer): bool {
    return isName(this.nameStart, this.nameLength, name);
  }
}

/**
 * JSON that is changed: taken apart only where somebody looks, so that everything else is written as it came, byte for
 * byte. The text must hold as long as the tree.
 */
export class Tree {
  /** The value as it came; `start` is 0 once it is taken apart. */
  private start: usize;
  private end: usize;
  isObject: bool = false;
  isArray: bool = false;
  /** Members of an object, elements of an array (without names), once it is taken apart. */
  private list: Array<Member> = [];

  /** A value of a text that is known to be JSON, without white space around it. */
  constructor(start: usize, end: usize) {
    this.start = start;
    this.end = end;
    const first = start === 0 ? 0 : load<u8>(start);
    this.isObject = first === 0x7b;
    this.isArray = first === 0x5b;
  }

  /** The value of a whole text. */
  static of(ptr: usize, length: i32): Tree {
    const end = ptr + <usize>length;
    const start = skipSpace(ptr, end);
    return new Tree(start, valueEnd(start, end));
  }

  static emptyObject(): Tree {
    const tree = new Tree(0, 0);
    tree.isObject = true;
    return tree;
  }

  static emptyArray(): Tree {
    const tree = new Tree(0, 0);
    tree.isArray = true;
    return tree;
  }

  /** Members or elements; of members with the same name only the last, at the place of the first. */
  get members(): Array<Member> {
    if (this.start !== 0 && (this.isObject || this.isArray)) this.takeApart();
    return this.list;
  }

  private takeApart(): void {
    const members = new Members(this.start, this.end);
    const hashes = new Set<u32>();
    this.start = 0;
    while (members.next()) {
      const value = new Tree(members.start, members.end);
      const member = new Member(value);
      member.nameStart = members.nameStart;
      member.nameLength = members.nameLength;
      // only a hash that was there before is worth a search: objects may have very many members
      const hash = this.isObject ? nameHash(member.nameStart, member.nameLength) : 0;
      const before = this.isObject && hashes.has(hash) ? this.sameName(member) : null;
      if (this.isObject) hashes.add(hash);
      if (before === null) this.list.push(member);
      else before.value = value;
    }
  }

  private sameName(member: Member): Member | null {
    for (let i = 0; i < this.list.length; i++) {
      const other = this.list[i];
      const same = isSameName(member.nameStart, member.nameLength, other.nameStart, other.nameLength);
      if (same) return other;
    }
    return null;
  }

  /** The place among the members that a segment of a path names; -1 when there is none. */
  indexOf(segment: Segment): i32 {
    const members = this.members;
    if (this.isArray) return segment.index < members.length ? segment.index : -1;
    for (let i = 0; i < members.length; i++) if (members[i].has(segment.name)) return i;
    return -1;
  }

  get(segment: Segment): Tree | null {
    const index = this.indexOf(segment);
    return index < 0 ? null : this.members[index].value;
  }

  /** Puts a value at a segment; an array is filled up with null. False where there can be none, as in a number. */
  put(segment: Segment, value: Tree): bool {
    const members = this.members;
    const index = this.indexOf(segment);
    if (index >= 0) members[index].value = value;
    else if (this.isArray) {
      if (segment.index < 0 || segment.index > ELEMENTS_MAX) return false;
      while (members.length < segment.index) members.push(new Member(Tree.null()));
      members.push(new Member(value));
    } else {
      if (!this.isObject) return false;
      const member = new Member(value);
      member.rename(segment);
      members.push(member);
    }
    return true;
  }

  removeAt(index: i32): Tree {
    const value = this.members[index].value;
    this.list.splice(index, 1);
    return value;
  }

  push(value: Tree): void {
    this.members.push(new Member(value));
  }

  /** Adds a member under a name as it stands in the text. */
  pushAs(member: Member, value: Tree): void {
    const copy = new Member(value);
    copy.nameStart = member.nameStart;
    copy.nameLength = member.nameLength;
    copy.nameOwner = member.nameOwner;
    this.members.push(copy);
  }

  /** The same value, to be changed on its own. Only for one that is not taken apart. */
  copy(): Tree {
    return new Tree(this.start, this.end);
  }

  static null(): Tree {
    const ptr = NULL;
    return new Tree(ptr, ptr + 4);
  }

  write(out: Buffer): void {
    if (this.start !== 0) {
      out.bytes(this.start, <i32>(this.end - this.start));
      return;
    }
    out.byte(this.isObject ? 0x7b : 0x5b);
    for (let i = 0; i < this.list.length; i++) {
      if (i > 0) out.byte(0x2c);
      const member = this.list[i];
      if (this.isObject) out.byte(0x22).bytes(member.nameStart, member.nameLength).byte(0x22).byte(0x3a);
      member.value.write(out);
    }
    out.byte(this.isObject ? 0x7d : 0x5d);
  }
}

const NULL = memory.data<u8>([0x6e, 0x75, 0x6c, 0x6c]);
/** Elements that setting one far behind the end may bring about. */
const ELEMENTS_MAX: i32 = 10_000;
