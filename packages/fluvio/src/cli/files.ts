import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { type FluvioError, flvError } from "../protocol/index.ts";
import type { Io } from "./io.ts";

/** Reads a file that the user named, relative to where they are. @throws FLV_FILE */
export async function readUserFile(io: Io, path: string): Promise<Uint8Array> {
  try {
    return await readFile(resolve(io.cwd, path));
  } catch (error) {
    throw fileError(path, error);
  }
}

export function fileError(path: string, error: unknown): FluvioError {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  const reasons: Readonly<Record<string, string>> = {
    ENOENT: "No such file or directory (os error 2)",
    EACCES: "Permission denied (os error 13)",
    EISDIR: "Is a directory (os error 21)",
  };
  const reason =
    (typeof code === "string" ? reasons[code] : undefined) ?? (error instanceof Error ? error.message : "");
  return flvError("FLV_FILE", `cannot read "${path}": ${reason}`, { details: { path }, cause: error });
}

/** Parses YAML (or JSON, which is YAML). @throws FLV_ARGUMENT naming the file and the place */
export async function parseYamlText(text: string, what: string): Promise<unknown> {
  const { parse } = await import("yaml");
  try {
    return parse(text);
  } catch (error) {
    const reason = error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error);
    throw flvError("FLV_ARGUMENT", `${what}: ${reason.replace(/:$/, "")}`, { details: { file: what }, cause: error });
  }
}
