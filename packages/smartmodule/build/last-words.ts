const WORDS = "@fluvio/smartmodule/abi/last-words";
/** Where the library of the language ends a module for want of memory, or for a size that it does not have. */
const ENDS: readonly (readonly [end: RegExp, says: string])[] = [
  [/(?<=memory\.grow\(pagesNeeded\) < 0\) )unreachable\(\);/g, "sayOutOfMemory"],
  [/throw new Error\(E_ALLOCATION_TOO_LARGE\);/g, "sayOutOfMemory"],
  [/throw new (?:Range)?Error\(E_INVALIDLENGTH\);/g, "sayInvalidLength"],
];
/** Those that every module needs: when nothing is found in them, the compiler has another library. */
const KNOWN = ["rt/tlsf", "rt/itcms", "string", "arraybuffer"];

/**
 * The compiler's library, by name, which says why before it ends a module: what it throws has no words left in a module,
 * and memory that cannot grow had none.
 */
export function withLastWords(files: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const changed = Object.entries(files).map(([name, text]): [string, string] => {
    const spoken = ENDS.reduce((now, [end, says]) => now.replace(end, `{ ${says}(); $& }`), text);
    if (spoken !== text) return [name, `import { sayOutOfMemory, sayInvalidLength } from "${WORDS}"; ${spoken}`];
    if (KNOWN.includes(name)) throw new Error(`${name} is not the version of the library that the builder knows`);
    return [name, text];
  });
  return Object.fromEntries(changed);
}
