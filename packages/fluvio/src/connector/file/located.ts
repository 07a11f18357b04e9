import { type FluvioError, flvError, isFluvioError } from "../../protocol/index.ts";
import { canonicalKey } from "./problem.ts";
import { parseYaml, type YamlMap } from "./yaml-source.ts";

/**
 * The same error with the line of the key or the secret that it names: checks that come after loading know the key alone.
 * Other errors, and keys that the file does not have, stay as they are.
 * @param file as in the error's sentence
 */
export function withLine(error: unknown, content: string, file: string): unknown {
  if (!isFluvioError(error) || error.code !== "FLV_CONNECTOR_INVALID") return error;
  const { key, line, secret } = error.details;
  if (line !== undefined) return error;
  if (typeof secret === "string") {
    const used = lineOfSecret(content, secret);
    return used === undefined ? error : atLine(error, file, used);
  }
  if (typeof key !== "string") return error;
  const found = lineOfKey(parseYaml(content, file), key.split("."));
  return found === undefined ? error : atLine(error, file, found);
}

/** The line that uses a secret, else the one that declares it. */
function lineOfSecret(content: string, name: string): number | undefined {
  const lines = content.split("\n");
  const forms = [
    new RegExp(`\\bsecrets\\.${name}\\b`),
    new RegExp(`\\bname:\\s*["']?${name}\\b`),
    new RegExp(`^\\s*${name}\\s*:`),
  ];
  for (const form of forms) {
    const at = lines.findIndex((line) => form.test(line));
    if (at >= 0) return at + 1;
  }
  return undefined;
}

function atLine(error: FluvioError, file: string, line: number): FluvioError {
  return flvError("FLV_CONNECTOR_INVALID", error.message.replace(`${file}:`, `${file}:${line}:`), {
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    details: { ...error.details, line },
    cause: error.cause,
  });
}

function lineOfKey(map: YamlMap, [first = "", ...rest]: readonly string[]): number | undefined {
  const entry = map.entries.find((one) => canonicalKey(one.key) === canonicalKey(first));
  if (entry !== undefined) {
    if (rest.length === 0) return entry.line;
    return entry.value.kind === "map" ? lineOfKey(entry.value, rest) : undefined;
  }
  // Files of the newer form have the parameters in a section named after the connector, and the rest below `meta`.
  const within = first === "parameters" ? rest : [first, ...rest];
  if (within.length === 0) return undefined;
  for (const { value } of map.entries) {
    const found = value.kind === "map" ? lineOfKey(value, within) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}
