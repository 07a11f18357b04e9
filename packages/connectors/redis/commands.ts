import type { SinkRecord } from "fluvio/connector";
import type { ChainableCommander } from "ioredis";
import type { Template } from "../shared/template.ts";

export interface CommandOptions {
  readonly mode: "set" | "list" | "stream" | "pub";
  readonly key: Template;
  /** How long a value stays, of `set`, milliseconds. */
  readonly ttlMs: number | undefined;
  readonly push: "left" | "right";
  /** How many entries a list or stream keeps. */
  readonly lengthMax: number | undefined;
  /** Names of the fields of a stream's entry. */
  readonly valueField: string;
  readonly keyField: string;
}

/**
 * Puts the command for a record into the pipeline.
 * @returns how many commands, or why there is none
 */
export function addCommand(
  pipeline: ChainableCommander,
  record: SinkRecord,
  options: CommandOptions,
): number | { readonly problem: string } {
  const filled = options.key.fill(record);
  if ("missing" in filled)
    return { problem: `the key ${options.key.source} cannot be made: the record has ${filled.missing}` };
  const key = filled.text;
  if (key === "") return { problem: "the key is empty" };
  const value = asBuffer(record.value);
  const { lengthMax } = options;
  switch (options.mode) {
    case "set":
      if (options.ttlMs === undefined) pipeline.set(key, value);
      else pipeline.set(key, value, "PX", options.ttlMs);
      return 1;
    case "list":
      if (options.push === "left") pipeline.lpush(key, value);
      else pipeline.rpush(key, value);
      if (lengthMax === undefined) return 1;
      if (options.push === "left") pipeline.ltrim(key, 0, lengthMax - 1);
      else pipeline.ltrim(key, -lengthMax, -1);
      return 2;
    case "stream": {
      const fields: (string | Buffer)[] = [options.valueField, value];
      if (record.key !== undefined) fields.push(options.keyField, asBuffer(record.key));
      if (lengthMax === undefined) pipeline.xadd(key, "*", ...fields);
      else pipeline.xadd(key, "MAXLEN", "~", lengthMax, "*", ...fields);
      return 1;
    }
    case "pub":
      pipeline.publish(key, value);
      return 1;
  }
}

/** The same bytes as the driver takes them. */
const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Of the server, not of the record: it will be otherwise later. */
const PASSING = [
  "LOADING",
  "READONLY",
  "OOM",
  "BUSY",
  "MISCONF",
  "MASTERDOWN",
  "CLUSTERDOWN",
  "TRYAGAIN",
  "NOREPLICAS",
  "NOAUTH",
  "WRONGPASS",
  "MOVED",
  "ASK",
  "EXECABORT",
  "UNBLOCKED",
];

/** Whether what the server said of a command says that it will never take it: WRONGTYPE, NOPERM, ERR …. */
export function isRefusal(error: Error): boolean {
  if (error.name !== "ReplyError") return false;
  const [word = ""] = error.message.split(" ");
  return !PASSING.includes(word);
}
