/** A message of the compiler in other words, and how to go on. */
export interface Explained {
  readonly text: string;
  readonly hint: string;
}

const SDK = "@fluvio/smartmodule";

/** The first whose pattern fits gives the words: `$1` is what the pattern found, `#1` the same as the name of a type. */
const PHRASES: readonly (readonly [pattern: RegExp, text: string, hint: string])[] = [
  [/^User-defined: "(.*)"$/s, "$1", ""],
  [
    /^Not implemented: Closures$/,
    "a function within a function cannot use the variables around it (AssemblyScript has no closures)",
    "Make the variable a global of the file, or pass it as a parameter",
  ],
  [
    /^Not implemented: Exceptions$/,
    "there is no try and catch in AssemblyScript",
    "Check what could go wrong beforehand, such as with isUtf8 or jsonError, and report errors with fail",
  ],
  [
    /^Not implemented: Regular expressions$/,
    "there are no regular expressions in AssemblyScript",
    "Use includes, startsWith or indexOf of the bytes, or the ready-made SmartModule regex-filter",
  ],
  [
    /^Not implemented: Iterators$/,
    "there is no for … of in AssemblyScript",
    "Count with an index: for (let index = 0; index < list.length; index++) …",
  ],
  [
    /^Not implemented: [Uu]nion types$/,
    "a value has one type in AssemblyScript, which may only be a class or string … or null, as in string | null",
    "Write one type; in place of undefined there is null",
  ],
  [
    /^Not implemented: Interface hidden classes$/,
    "an object cannot be written as { … } for an interface",
    "Declare a class with these fields, and make it with new",
  ],
  [/^Not implemented: (.*)$/, "$1: AssemblyScript does not have that", "Write it out in simpler statements"],
  [
    /^A function whose declared type is not 'void' must return a value\.$/,
    "not every way through this function returns a value",
    "Add a return at its end; that of fail too is to be returned, as in return fail<bool>(…)",
  ],
  [
    /^Type argument expected\.$/,
    "a type in angle brackets is missing here",
    'Write it, as in new Map<string, i32>(), list.map<string>(…), fail<bool>("…")',
  ],
  [
    /^Expression does not compile to a value at runtime\.$/,
    "this cannot be called or used as a value",
    "In place of String(x) there is x.toString(), in place of Number(text) there is parseFloat(text)",
  ],
  [
    /^Property '.*#(.*)' has no initializer and is not assigned in the constructor before 'this' is used or returned\.$/,
    "the field $1 has no value at first",
    'Give it one, as in name: string = "";',
  ],
  [
    /^Cannot assign to '(?:.*[#~/])?(.*)' because it is a constant or a read-only property\.$/,
    "$1 cannot be changed",
    "Records cannot be changed: map returns another value; a variable is declared with let to be changed",
  ],
  [
    /^Optional properties are not supported\.$/,
    "there are no optional fields in AssemblyScript",
    "Give the field a value that stands for missing, or the type | null and the value null",
  ],
  [
    /^An identifier or keyword cannot immediately follow a numeric literal\.$/,
    "a number ends here: there are no numbers such as 5n in AssemblyScript",
    "Leave out what follows the digits: i64 numbers are written like all others",
  ],
  [
    /^(?:Missing standard library component: RegExp|Cannot find name 'RegExp'\.)$/,
    "there are no regular expressions in AssemblyScript",
    "Use includes, startsWith or indexOf of the bytes, or the ready-made SmartModule regex-filter",
  ],
  [/^Cannot find name 'undefined'\.$/, "there is no undefined in AssemblyScript", "Use null"],
  [
    /^Cannot find name '(Promise|setTimeout|setInterval|fetch|Buffer|TextDecoder|TextEncoder|Intl|require|structuredClone)'\.$/,
    "$1: a SmartModule does not have that",
    "It has its record, the SDK and the standard library of AssemblyScript, and gives its result at once",
  ],
  [
    /^Cannot find name '(SmartRecord|Bytes|Params|Output|fail|log|JsonField|JsonPath)'\.$/,
    "$1 is not imported",
    `Add: import { $1 } from "${SDK}";`,
  ],
  [
    /^Cannot find name 'JSON'\.$/,
    "JSON is not imported",
    'Add: import { JSON } from "json-as"; or look at single fields with record.value.jsonField("a.b")',
  ],
  [
    /^Cannot find name '(any|unknown|object|never|symbol)'\.$/,
    "AssemblyScript has no type $1: each value has one type that is known",
    "Write the type, such as i32, f64, bool, string or a class",
  ],
  [/^Cannot find name '(.*)'\.$/, "there is nothing named $1", "Import or declare it, and mind the spelling"],
  [
    /^Type '(.*) \| null' is not assignable to type '(.*)'\.$/,
    "this may be null, where #2 is needed",
    "Put it into a const and look at that: const key = record.key; if (key === null) return …; what was found out about a field or a global is not kept",
  ],
  [
    /^Type '.*\bBytes' is not assignable to type '.*\bString( \| null)?'\.$/,
    "this is Bytes, where string is needed",
    'Add .toString(); Bytes are compared by record.value.equals("apple"), and may be returned as Bytes',
  ],
  [
    /^Type '([iuf]\d+|[iu]size|bool)' is not assignable to type '.*\bString( \| null)?'\.$/,
    "this is $1, where string is needed",
    "Add .toString()",
  ],
  [
    /^Type '<object>' is not assignable to type '.*'\.$/,
    "an object cannot be written as { … } here",
    "Declare a class with these fields, and make it with new",
  ],
  [/^Type '(.*)' is not assignable to type '(.*)'\.$/, "this is #1, where #2 is needed", ""],
  [
    /^Conversion from type '(.*)' to '(.*)' requires an explicit cast\.$/,
    "this is #1, where #2 is needed",
    "Convert it, as in <#2>value, or compare it, as in value != 0",
  ],
  [
    /^Property '(to(?:Lower|Upper)Case|split|replace(?:All)?|substring|padStart|padEnd|repeat|charCodeAt|charAt|concat)' does not exist on type '.*\bBytes'\.$/,
    "Bytes has no $1, strings have",
    "Make it a string first: record.value.toString().$1(…)",
  ],
  [
    /^Property '(.*)' does not exist on type '(.*)'\.$/,
    "#2 has no $1",
    "Mind the spelling; the SDK's README lists what there is",
  ],
  [
    /^Module '(?:~lib\/)?(.*)' has no exported member '(.*)'\.$/,
    "$1 has no $2",
    "Mind the spelling; the SDK's README lists what there is",
  ],
  [
    /^File '~lib\/(.*)\.ts' not found\.$/,
    "there is no AssemblyScript package $1",
    "Packages written in JavaScript cannot be compiled to WebAssembly; look for one made for AssemblyScript",
  ],
  [/^File '(.*)' not found\.$/, "there is no file $1", "Mind the spelling; the path is relative to this file"],
  [
    /^Type expected\.$/,
    "a type is missing here",
    "AssemblyScript needs the types of parameters, of fields and of what is returned",
  ],
];

/** What TypeScript has and AssemblyScript has not, by the text of the line up to the place and from there on. */
const MISSING_SYNTAX: readonly (readonly [before: RegExp, after: RegExp, text: string, hint: string])[] = [
  [/\?$/, /^\./, "there is no ?. in AssemblyScript", "Look first: if (x !== null) …"],
  [/\?$/, /^\?/, "there is no ?? in AssemblyScript", "Look first: if (x === null) …"],
  [
    /^/,
    /^(export\s+)?async\b/,
    "there are no async functions in a SmartModule",
    "It is called with a record and gives its result at once",
  ],
  [
    /^/,
    /^(const|let)\s+[{[]/,
    "there is no destructuring in AssemblyScript",
    "Write a line for each: const value = record.value;",
  ],
  [
    /for\s*\(\s*(const|let)\s*$/,
    /^\w+\s+in\b/,
    "there is no for … in in AssemblyScript",
    "Count with an index: for (let index = 0; index < list.length; index++) …",
  ],
  [/^/, /^await\b/, "there is no await in a SmartModule", "It is called with a record and gives its result at once"],
  [/\bimport\s+$/, /^type\b/, "there is no import type in AssemblyScript", "Leave out the word type"],
  [/\bfunction\s*$/, /^\*/, "there are no generators in AssemblyScript", "Return an array, as in string[]"],
  [/^/, /^#/, "there are no fields with # in AssemblyScript", "Write private in front of the field's name"],
  [
    /:\s*$|\btype\s+\w+\s*=\s*$/,
    /^\{[^}]*:/,
    "there are no types of objects such as { a: string } in AssemblyScript",
    "Declare a class with these fields; map returns an Output for a key and a value",
  ],
  [
    /:\s*$/,
    /^\[/,
    "there are no types such as [string, string] in AssemblyScript",
    "Declare a class with these fields; map returns an Output for a key and a value",
  ],
  [/^/, /^satisfies\b/, "there is no satisfies in AssemblyScript", "Leave it out"],
  [
    /^/,
    /^delete\b/,
    "there is no delete in AssemblyScript",
    "Set the field to null, or delete a key of a Map: map.delete(key)",
  ],
  [
    /^/,
    /^new\s+Date\(\s*\)/,
    "the clock: a SmartModule does not have that",
    "Use record.timestamp, the time of the record",
  ],
];

/** What an error of syntax at a place of a line is about, where it is known. */
export function explainSyntax(before: string, after: string): Explained | undefined {
  const found = MISSING_SYNTAX.find(([left, right]) => left.test(before) && right.test(after));
  return found === undefined ? undefined : { text: found[2], hint: found[3] };
}

/** Functions of JavaScript that the compiler would ask the host for, and what to use. */
const HOST_FUNCTIONS: readonly (readonly [importName: RegExp, source: RegExp, what: string, hint: string])[] = [
  [/^console\./, /\bconsole\s*\.\s*\w+/, "console", `Use log: import { log } from "${SDK}";`],
  [/^trace$/, /\btrace\s*\(/, "trace", `Use log: import { log } from "${SDK}";`],
  [/^Date\./, /\bDate\s*\.\s*now|\bnew\s+Date\b/, "the clock", "Use record.timestamp, the time of the record"],
  [/^performance\./, /\bperformance\b/, "the clock", "Use record.timestamp, the time of the record"],
  [
    /^seed$/,
    /\bMath\s*\.\s*random/,
    "random numbers",
    "Compute a number from record.offset, which is the same again when the record is read again",
  ],
  [
    /^crypto\./,
    /\bcrypto\b/,
    "random numbers",
    "Compute a number from record.offset, which is the same again when the record is read again",
  ],
  [/^process\./, /\bprocess\b/, "process", "A SmartModule has no process: parameters come to init"],
];

/** Where and why a source asks for something that no host of SmartModules has. */
export function explainImport(
  name: string,
  text: string,
): { readonly at: number; readonly message: string; readonly hint: string } | undefined {
  const known = HOST_FUNCTIONS.find(([importName]) => importName.test(name));
  const pattern = known?.[1] ?? new RegExp(`@external\\([^)]*["']${name.replace(/[.$]/g, "\\$&")}["']`);
  const at = pattern.exec(text)?.index;
  if (at === undefined) return undefined;
  const message =
    known === undefined
      ? `the import ${name} is not there: no host gives it`
      : `${known[2]}: a SmartModule does not have that`;
  return { at, message, hint: known?.[3] ?? "A SmartModule gets copy_records and the functions of WASI, nothing else" };
}

/** Puts a message of the compiler in the words of a SmartModule's author. */
export function explain(message: string): Explained {
  for (const [pattern, text, hint] of PHRASES) {
    const found = pattern.exec(message);
    if (found === null) continue;
    const fill = (template: string) =>
      template.replace(/([$#])(\d)/g, (_, mark: string, group: string) => {
        const part = found[Number(group)] ?? "";
        return mark === "#" ? typeName(part) : part;
      });
    return { text: fill(text), hint: fill(hint) };
  }
  return { text: typeName(message), hint: "" };
}

/** Types by their own names, without the files that they are declared in. */
function typeName(text: string): string {
  return text.replace(/(?:[\w@.~-]+\/)+(\w+)/g, (_, name: string) => (name === "String" ? "string" : name));
}
