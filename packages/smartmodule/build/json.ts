import { relative } from "node:path";
import type * as Assembly from "assemblyscript";

/** Sources that use json-as say so by one of these. */
const USES_JSON = /\bjson-as\b|@json\b|\.json\s*</;
/** The function of json-as that reads any type, and a statement that ends it. */
const READER = { path: "~lib/json-as/assembly/index.ts", begin: "function __deserialize<T>(", end: "\n  }\n" };
const THROW = /throw new Error\([^;]*\);/g;
const REFUSE = "{ markProductionParseError(); return __zero<T>(); }";

/** What json-as does to a program: it gives each class marked `@json` the methods that read and write it. */
interface JsonTransform {
  afterParse(parser: Assembly.Parser): void;
  afterInitialize(program: Assembly.Program): void;
}

/** Whether a source makes use of json-as. */
export function usesJson(text: string): boolean {
  return USES_JSON.test(text);
}

/** The part of json-as that works on a program. */
export async function loadJsonTransform(program: Assembly.Program, folder: string): Promise<JsonTransform> {
  // named at run time: the types that it names are sources in AssemblyScript
  const { default: Transform } = (await import(String("json-as"))) as { readonly default: new () => JsonTransform };
  return Object.assign(new Transform(), { program, baseDir: relative(process.cwd(), folder) });
}

/**
 * A source of json-as as a SmartModule needs it: JSON that does not fit a type is marked, to become an error of its record.
 * json-as throws, and what is thrown in AssemblyScript ends the module.
 */
export function withoutTraps(path: string, text: string): string {
  if (path !== READER.path) return text;
  const begin = text.indexOf(READER.begin);
  const end = text.indexOf(READER.end, begin);
  if (begin < 0 || end < 0) throw new Error(`${path} is not the version of json-as that the builder knows`);
  return text.slice(0, begin) + text.slice(begin, end).replace(THROW, REFUSE) + text.slice(end);
}
