import { isFluvioError } from "fluvio/protocol";
import { compileSources } from "./compiler.ts";
import type { CompilerAnswer, CompilerTask } from "./compiler-process.ts";

/* The compiler's own process: takes tasks from its parent, one after the other, and ends with it. */

process.on("message", async (task: CompilerTask) => {
  process.send?.(await answer(task));
});
process.on("disconnect", () => process.exit(0));

async function answer({ folder, entry, optimize }: CompilerTask): Promise<CompilerAnswer> {
  try {
    return { type: "built", built: await compileSources(folder, entry, optimize) };
  } catch (error) {
    if (isFluvioError(error)) {
      const { code, message, hint, details } = error;
      return { type: "refused", code, message, hint, details };
    }
    return { type: "broke", reason: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}
