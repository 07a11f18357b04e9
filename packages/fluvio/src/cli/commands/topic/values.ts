import { parseDurationMs } from "../../../client/index.ts";
import { flvError } from "../../../protocol/index.ts";

/** `7days`, `1h`, or `infinite`. @throws FLV_ARGUMENT */
export function parseRetentionSeconds(text: string): number | "infinite" {
  return text.toLowerCase() === "infinite" ? "infinite" : Math.floor(parseDurationMs(text) / 1000);
}

const COMPRESSIONS = ["any", "none", "gzip", "snappy", "lz4", "zstd"] as const;

/** @throws FLV_ARGUMENT */
export function parseTopicCompression(text: string): (typeof COMPRESSIONS)[number] {
  const found = COMPRESSIONS.find((name) => name === text.toLowerCase());
  if (found === undefined) {
    throw flvError("FLV_ARGUMENT", `Invalid compression type in topic: "${text}"`, {
      details: { compression: text },
      hint: `use one of ${COMPRESSIONS.join(", ")}`,
    });
  }
  return found;
}
