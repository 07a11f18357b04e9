import { PassThrough } from "node:stream";
import type { RunOptions } from "./run.ts";

/**
 * Someone at a terminal who types each answer when its question has come.
 * @param answers what is waited for in the output, and what is typed then, in order
 */
export function keyboard(answers: readonly (readonly [question: RegExp, typed: string])[]): RunOptions {
  const keys = new PassThrough();
  const left = [...answers];
  return {
    // the prompts ask these of a terminal
    input: Object.assign(keys, { isTTY: true, setRawMode: () => keys }),
    stdinIsTty: true,
    stdoutIsTty: true,
    onStdout: (all) => {
      const [next] = left;
      if (next === undefined || !next[0].test(all)) return;
      left.shift();
      setImmediate(() => keys.write(next[1]));
    },
  };
}
