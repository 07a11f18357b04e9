import { JsonPath } from "../shared/json/path";
import { Tree } from "../shared/json/tree";

/** What a step does to a record. */
export class Operation {
  /** Empty, or why the record cannot be changed this way. */
  problem: string = "";

  /** The record after it; the tree that was given may be changed or be part of it. */
  apply(root: Tree): Tree {
    return root;
  }
}

/** Keeps nothing but what some paths lead to, with the objects and arrays around it. */
export class Pick extends Operation {
  private paths: Array<JsonPath>;

  constructor(paths: Array<JsonPath>) {
    super();
    this.paths = paths;
  }

  apply(root: Tree): Tree {
    const picked = pruned(root, this.paths, 0);
    return picked === null ? Tree.emptyObject() : picked;
  }
}

/** What the paths, of which all before segment `depth` led here, leave of a value; null for nothing. */
function pruned(tree: Tree, paths: Array<JsonPath>, depth: i32): Tree | null {
  for (let i = 0; i < paths.length; i++) if (paths[i].segments.length === depth) return tree;
  if (!tree.isObject && !tree.isArray) return null;
  const result = tree.isObject ? Tree.emptyObject() : Tree.emptyArray();
  const members = tree.members;
  for (let i = 0; i < members.length; i++) {
    const leading: Array<JsonPath> = [];
    for (let j = 0; j < paths.length; j++) {
      const segment = paths[j].segments[depth];
      if (segment.any || (tree.isArray ? segment.index === i : members[i].has(segment.name))) leading.push(paths[j]);
    }
    const kept = leading.length > 0 ? pruned(members[i].value, leading, depth + 1) : null;
    if (kept !== null) result.pushAs(members[i], kept);
  }
  return result.members.length > 0 ? result : null;
}

/** Removes what a path leads to. */
export class Drop extends Operation {
  private path: JsonPath;

  constructor(path: JsonPath) {
    super();
    this.path = path;
  }

  apply(root: Tree): Tree {
    remove(root, this.path, 0);
    return root;
  }
}

function remove(tree: Tree, path: JsonPath, depth: i32): void {
  if (!tree.isObject && !tree.isArray) return;
  const segment = path.segments[depth];
  const isLast = depth + 1 === path.segments.length;
  const only = segment.any ? -1 : tree.indexOf(segment);
  if (!segment.any && only < 0) return;
  for (let i = tree.members.length - 1; i >= 0; i--) {
    if (!segment.any && i !== only) continue;
    if (isLast) tree.removeAt(i);
    else remove(tree.members[i].value, path, depth + 1);
  }
}

/** Gives a member another name, at its place; or moves a value to another path, where it comes last. */
export class Rename extends Operation {
  private from: JsonPath;
  private to: JsonPath;
  private isInPlace: bool;

  constructor(from: JsonPath, to: JsonPath) {
    super();
    this.from = from;
    this.to = to;
    const count = from.segments.length;
    this.isInPlace = count === to.segments.length;
    for (let i = 0; i < count - 1 && this.isInPlace; i++) {
      const name = to.segments[i].name;
      this.isInPlace = from.segments[i].name.equals(name.ptr, name.length);
    }
  }

  apply(root: Tree): Tree {
    const last = this.from.segments.length - 1;
    let parent: Tree | null = root;
    for (let i = 0; i < last && parent !== null; i++) parent = parent.get(this.from.segments[i]);
    if (parent === null) return root;
    const index = parent.indexOf(this.from.segments[last]);
    if (index < 0) return root;
    if (!this.isInPlace || !parent.isObject) {
      const value = parent.removeAt(index);
      this.problem = place(root, this.to, 0, value, false);
      return root;
    }
    const member = parent.members[index];
    const target = this.to.segments[last];
    const before = parent.indexOf(target);
    member.rename(target);
    if (before >= 0 && before !== index) parent.removeAt(before);
    return root;
  }
}

/** Puts a value at a path; with `onlyMissing` where there is none yet. */
export class Put extends Operation {
  private path: JsonPath;
  private start: usize;
  private end: usize;
  private onlyMissing: bool;

  /** The value lies in memory that stays. */
  constructor(path: JsonPath, start: usize, end: usize, onlyMissing: bool) {
    super();
    this.path = path;
    this.start = start;
    this.end = end;
    this.onlyMissing = onlyMissing;
  }

  apply(root: Tree): Tree {
    const value = new Tree(this.start, this.end);
    if (this.path.segments.length === 0) return this.onlyMissing ? root : value;
    this.problem = place(root, this.path, 0, value, this.onlyMissing);
    return root;
  }
}

/** Puts a value where a path leads from segment `depth` on, with objects on the way where nothing is; what is wrong, if anything. */
function place(tree: Tree, path: JsonPath, depth: i32, value: Tree, onlyMissing: bool): string {
  const segment = path.segments[depth];
  const isLast = depth + 1 === path.segments.length;
  if (segment.any) return placeInAll(tree, path, depth, value, onlyMissing);
  const there = tree.get(segment);
  if (isLast) {
    if (there !== null && onlyMissing) return "";
    return tree.put(segment, value) ? "" : `cannot set ${path.text}: there is no object`;
  }
  if (there !== null) return place(there, path, depth + 1, value, onlyMissing);
  const between = Tree.emptyObject();
  if (!tree.put(segment, between)) return `cannot set ${path.text}: there is no object`;
  return place(between, path, depth + 1, value, onlyMissing);
}

function placeInAll(tree: Tree, path: JsonPath, depth: i32, value: Tree, onlyMissing: bool): string {
  const members = tree.members;
  const isLast = depth + 1 === path.segments.length;
  for (let i = 0; i < members.length; i++) {
    if (isLast) {
      if (!onlyMissing) members[i].value = value.copy();
      continue;
    }
    const problem = place(members[i].value, path, depth + 1, value.copy(), onlyMissing);
    if (problem.length > 0) return problem;
  }
  return "";
}
