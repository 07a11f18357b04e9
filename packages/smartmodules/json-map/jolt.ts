/**
 * The common part of Jolt: `shift` with `*`, `|`, `&` and `&N`, `default` and `remove`. Specifications are trees that are
 * read once; names that mean something else in Jolt (`@`, `$`, `#` at their beginning) are refused.
 */
import { Buffer } from "../shared/buffer";
import { plainText } from "../shared/json/list";
import { JsonPath } from "../shared/json/path";
import { Segment } from "../shared/json/segment";
import { Member, Tree } from "../shared/json/tree";
import { Members } from "../shared/json/walk";
import { Operation } from "./operations";

/** One level of a specification: alternatives for names, in order of how exactly they name something. */
export class Rules {
  /** Empty, or what is wrong with it. */
  error: string = "";
  names: string[] = [];
  /** Per name: it as the step of a path. */
  segments: Segment[] = [];
  /** Per name: what it is about one level below, or null. */
  below: Array<Rules | null> = [];
  /** Per name: texts (the targets of a shift). */
  targets: Array<string[]> = [];
  /** Per name: the value as it lies in the specification. */
  starts: usize[] = [];
  ends: usize[] = [];

  /** Reads the object that begins at `start`; the memory has to stay. */
  constructor(start: usize, end: usize) {
    if (load<u8>(start) !== 0x7b) this.error = "spec is no JSON object";
    else {
      // exact names come before patterns
      this.readAll(start, end, false);
      this.readAll(start, end, true);
    }
  }

  private readAll(start: usize, end: usize, patterns: bool): void {
    const members = new Members(start, end);
    while (members.next() && this.error.length === 0) {
      const given = plainText(
        members.nameStart - 1,
        members.nameStart + <usize>members.nameLength + 1,
        new Buffer(),
      ).toString();
      if (given.startsWith("@") || given.startsWith("$") || given.startsWith("#")) {
        this.error = `${given}: names with @, $ and # are not supported`;
      }
      const names = given.split("|");
      for (let i = 0; i < names.length; i++) {
        if (names[i].includes("*") === patterns) this.add(names[i], members);
      }
    }
  }

  private add(name: string, members: Members): void {
    const targets: string[] = [];
    let below: Rules | null = null;
    const first = load<u8>(members.start);
    if (first === 0x7b) {
      below = new Rules(members.start, members.end);
      this.error = below.error;
    } else if (first === 0x22) targets.push(plainText(members.start, members.end, new Buffer()).toString());
    else if (first === 0x5b) {
      const list = new Members(members.start, members.end);
      while (list.next())
        if (load<u8>(list.start) === 0x22) targets.push(plainText(list.start, list.end, new Buffer()).toString());
    }
    this.names.push(name);
    this.segments.push(new Segment(name));
    this.below.push(below);
    this.targets.push(targets);
    this.starts.push(members.start);
    this.ends.push(members.end);
  }

  /** The first rule for a name, or -1. */
  find(name: string): i32 {
    for (let i = 0; i < this.names.length; i++) if (fits(this.names[i], name)) return i;
    return -1;
  }
}

/** Whether a name fits a pattern, in which `*` stands for any characters. */
function fits(pattern: string, name: string): bool {
  const parts = pattern.split("*");
  const last = parts.length - 1;
  if (last === 0) return pattern === name;
  if (!name.startsWith(parts[0])) return false;
  let at = parts[0].length;
  for (let i = 1; i < last; i++) {
    const place = name.indexOf(parts[i], at);
    if (place < 0) return false;
    at = place + parts[i].length;
  }
  return name.length - at >= parts[last].length && name.endsWith(parts[last]);
}

function nameOf(tree: Tree, index: i32, member: Member): string {
  if (tree.isArray) return index.toString();
  const end = member.nameStart + <usize>member.nameLength;
  return plainText(member.nameStart - 1, end + 1, new Buffer()).toString();
}

/** Builds a new record of what the rules name. */
export class Shift extends Operation {
  private rules: Rules;
  /** The names that led to the value under way, from the top. */
  private names: string[] = [];

  constructor(rules: Rules) {
    super();
    this.rules = rules;
  }

  apply(root: Tree): Tree {
    const result = Tree.emptyObject();
    this.problem = "";
    this.names.length = 0;
    this.shift(root, this.rules, result);
    return result;
  }

  private shift(tree: Tree, rules: Rules, result: Tree): void {
    if (!tree.isObject && !tree.isArray) return;
    const members = tree.members;
    for (let i = 0; i < members.length; i++) {
      const name = nameOf(tree, i, members[i]);
      const rule = rules.find(name);
      if (rule < 0) continue;
      this.names.push(name);
      const below = rules.below[rule];
      if (below !== null) this.shift(members[i].value, below, result);
      const targets = rules.targets[rule];
      for (let j = 0; j < targets.length; j++) this.put(targets[j], members[i].value, result);
      this.names.pop();
    }
  }

  private put(target: string, value: Tree, result: Tree): void {
    const written = this.written(target);
    const appends = written.endsWith("[]");
    const path = new JsonPath(appends ? written.substring(0, written.length - 2) : written);
    if (path.error.length > 0 || path.segments.length === 0)
      this.problem = `shift to ${target} gives no path: ${written}`;
    else collect(result, path, value, appends);
  }

  /** A target with `&` and `&N` replaced by the name that many levels up; a name with dots in it stays one name. */
  private written(target: string): string {
    if (!target.includes("&")) return target;
    let written = "";
    for (let at = 0; at < target.length; ) {
      const isBelow = target.charCodeAt(at) === DOT;
      const from = isBelow ? at + 1 : at;
      at = segmentEnd(target, from);
      const segment = this.filled(target.substring(from, at));
      const isPlain = !segment.includes(".") && !segment.includes("[");
      if (isPlain || target.charCodeAt(from) === OPEN_BRACKET) written += (isBelow ? "." : "") + segment;
      else written += segment.includes('"]') ? `['${segment}']` : `["${segment}"]`;
    }
    return written;
  }

  private filled(segment: string): string {
    const parts = segment.split("&");
    let filled = parts[0];
    for (let i = 1; i < parts.length; i++) {
      const part = parts[i];
      const digit = part.length > 0 ? part.charCodeAt(0) - 0x30 : -1;
      const hasDigit = digit >= 0 && digit <= 9;
      const level = this.names.length - 1 - (hasDigit ? digit : 0);
      filled += (level >= 0 ? this.names[level] : "") + (hasDigit ? part.substring(1) : part);
    }
    return filled;
  }
}

const DOT = 0x2e;
const OPEN_BRACKET = 0x5b;

/** Where the name, or the place in brackets, that begins in a path at `from` ends. */
function segmentEnd(path: string, from: i32): i32 {
  if (from < path.length && path.charCodeAt(from) === OPEN_BRACKET) {
    const close = path.indexOf("]", from);
    return close < 0 ? path.length : close + 1;
  }
  let end = from;
  while (end < path.length && path.charCodeAt(end) !== DOT && path.charCodeAt(end) !== OPEN_BRACKET) end++;
  return end;
}

/** Puts a value at a path; a second one makes an array of both. */
function collect(root: Tree, path: JsonPath, value: Tree, appends: bool): void {
  let tree = root;
  const last = path.segments.length - 1;
  for (let i = 0; i < last; i++) {
    const segment = path.segments[i];
    const there = tree.get(segment);
    if (there !== null && (there.isObject || there.isArray)) tree = there;
    else {
      const between = path.segments[i + 1].index >= 0 ? Tree.emptyArray() : Tree.emptyObject();
      tree.put(segment, between);
      tree = between;
    }
  }
  const there = tree.get(path.segments[last]);
  if (there === null && !appends) {
    tree.put(path.segments[last], value);
    return;
  }
  let list = Tree.emptyArray();
  if (there !== null && there.isArray) list = there;
  else if (there !== null) list.push(there);
  list.push(value);
  tree.put(path.segments[last], list);
}

/** Adds members that are missing. */
export class Defaults extends Operation {
  private rules: Rules;

  constructor(rules: Rules) {
    super();
    this.rules = rules;
  }

  apply(root: Tree): Tree {
    fill(root, this.rules);
    return root;
  }
}

function fill(tree: Tree, rules: Rules): void {
  for (let i = 0; i < rules.names.length; i++) {
    const below = rules.below[i];
    if (rules.names[i].includes("*")) {
      if (below === null || (!tree.isObject && !tree.isArray)) continue;
      const members = tree.members;
      for (let j = 0; j < members.length; j++)
        if (fits(rules.names[i], nameOf(tree, j, members[j]))) fill(members[j].value, below);
      continue;
    }
    const segment = rules.segments[i];
    const there = tree.get(segment);
    if (there === null) tree.put(segment, new Tree(rules.starts[i], rules.ends[i]));
    else if (below !== null) fill(there, below);
  }
}

/** Removes what the rules name. */
export class Removal extends Operation {
  private rules: Rules;

  constructor(rules: Rules) {
    super();
    this.rules = rules;
  }

  apply(root: Tree): Tree {
    clean(root, this.rules);
    return root;
  }
}

function clean(tree: Tree, rules: Rules): void {
  if (!tree.isObject && !tree.isArray) return;
  for (let i = tree.members.length - 1; i >= 0; i--) {
    const member = tree.members[i];
    const rule = rules.find(nameOf(tree, i, member));
    if (rule < 0) continue;
    const below = rules.below[rule];
    if (below === null) tree.removeAt(i);
    else clean(member.value, below);
  }
}
