import { spawn } from "node:child_process";

/**
 * Runs a command line at a real terminal, which `script` of util-linux makes, and types each answer when its question has
 * come.
 * @param answers what is waited for in the output, and what is typed then, in order
 */
export function atTerminal(
  command: string,
  answers: readonly (readonly [question: RegExp, typed: string])[],
  options: { readonly cwd: string; readonly env: NodeJS.ProcessEnv },
): Promise<{ readonly status: number | null; readonly output: string }> {
  return new Promise((done, failed) => {
    // one that is made without another has no columns
    const child = spawn("script", ["-qefc", `stty cols 100 rows 40; ${command}`, "/dev/null"], options);
    const left = [...answers];
    let output = "";
    let seen = 0;
    child.stdout.on("data", (data) => {
      output += data;
      const [next] = left;
      const match = next?.[0].exec(output.slice(seen));
      if (next === undefined || match === null || match === undefined) return;
      left.shift();
      seen += match.index + match[0].length;
      child.stdin.write(next[1]);
    });
    child.on("error", failed);
    child.on("close", (status) => done({ status, output }));
  });
}
