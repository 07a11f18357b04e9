import { existsSync } from "node:fs";
import { flvError } from "../protocol/index.ts";

/**
 * Where the worker threads' code is. Threads run built JavaScript, also when the engine itself runs from source
 * (tests), as Node 20 cannot load TypeScript.
 */
export function workerEntry(): URL {
  const here = import.meta.url;
  if (here.endsWith(".js")) return new URL("./host/worker.js", here);
  const built = new URL("../../dist/smartengine/host/worker.js", here);
  if (existsSync(built)) return built;
  throw flvError("FLV_FILE", `the worker of the SmartModule engine is not built: ${built.pathname} is missing`, {
    hint: "Run npm run build",
  });
}
