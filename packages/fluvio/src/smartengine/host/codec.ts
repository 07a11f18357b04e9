import { crc32c } from "@node-rs/crc32";
import { flvError } from "../../protocol/index.ts";

/** What the rebatcher needs of the protocol layer, so that its tests can do without the native parts. */
export interface BatchCodecs {
  readonly compress: (codec: number, section: Uint8Array) => Promise<Uint8Array>;
  readonly decompress: (codec: number, section: Uint8Array) => Promise<Uint8Array>;
  readonly crc32c: (bytes: Uint8Array) => number;
}

export const batchCodecs: BatchCodecs = {
  compress: async (codec) => {
    throw flvError("FLV_COMPRESSION", `codec ${codec}`);
  },
  decompress: async (codec) => {
    throw flvError("FLV_COMPRESSION", `codec ${codec}`);
  },
  crc32c: (bytes) => crc32c(bytes),
};
