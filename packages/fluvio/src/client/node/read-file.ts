import { readFile } from "node:fs/promises";
import { flvError } from "../../protocol/index.ts";

/** @throws FLV_FILE */
export async function readFileBytes(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === "ENOENT";
    const reason = missing ? "No such file or directory (os error 2)" : (cause as Error).message;
    throw flvError("FLV_FILE", `${reason}: ${path}`, { cause, details: { path }, hint: "check the path" });
  }
}
