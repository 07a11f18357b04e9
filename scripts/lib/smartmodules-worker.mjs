/** Compiles the SmartModules it is asked for, one after the other: the compiler is loaded and warm after the first. */
import { parentPort } from "node:worker_threads";

const { compileSmartModule } = await import("../../packages/fluvio/dist/smartmodule/build/index.js");

parentPort.on("message", async (entry) => {
  try {
    const { wasm, warnings } = await compileSmartModule({ entry });
    const own = warnings.find(({ file }) => file !== undefined && !file.includes("~lib"));
    if (own === undefined) parentPort.postMessage({ wasm });
    else parentPort.postMessage({ error: `${own.file}:${own.line}:${own.column}: ${own.message}` });
  } catch (error) {
    parentPort.postMessage({ error: error instanceof Error ? error.message : String(error) });
  }
});
