/*
 * Why a module ends: modules of our SDK hand these words over in the place of an output just before they trap
 * (`packages/smartmodule/assembly/abi/last-words.ts`). Of other modules there is only the trap.
 */

/** Its memory cannot grow any further. */
export const OUT_OF_MEMORY = "out of memory";
const WORDS: readonly string[] = [OUT_OF_MEMORY, "invalid length"];
const BYTES_MAX = Math.max(...WORDS.map((words) => words.length));

/** The words that a module ended with, if it did so with some. `output` is what it handed over last. */
export function handedWords(
  memory: ArrayBufferLike,
  output: { readonly ptr: number; readonly length: number } | undefined,
): string | undefined {
  if (output === undefined || output.length > BYTES_MAX || output.ptr + output.length > memory.byteLength) {
    return undefined;
  }
  const words = Buffer.from(memory, output.ptr, output.length).toString("latin1");
  return WORDS.includes(words) ? words : undefined;
}
