import { createRequire } from "node:module";
import type { Node } from "yaml";
import { Tagged } from "./tagged.ts";

/** Loaded when it is needed: most commands never write YAML, and loading it is a tenth of their time. */
const load = () => createRequire(import.meta.url)("yaml") as typeof import("yaml");

/** YAML of plain data, with {@link Tagged} variants as tags; ends with a line end. */
export function yamlText(object: unknown): string {
  const { Document, Pair, Scalar, YAMLMap, YAMLSeq } = load();
  const node = (value: unknown): Node => {
    if (value instanceof Tagged) {
      const content = node(value.content);
      content.tag = `!${value.tag}`;
      return content;
    }
    if (Array.isArray(value)) {
      const list = new YAMLSeq();
      list.items = value.map(node);
      return list;
    }
    if (typeof value === "object" && value !== null) {
      const map = new YAMLMap();
      for (const [key, field] of Object.entries(value)) {
        if (field !== undefined) map.add(new Pair(new Scalar(key), node(field)));
      }
      return map;
    }
    return new Scalar(value);
  };
  const document = new Document();
  document.contents = node(object);
  return document.toString({ indentSeq: false, lineWidth: 0 });
}
