export {
  type Decoded,
  type DecoderPlace,
  type RecordDecoder,
  recordDecoder,
} from "./decoder.ts";
export { type FormatOptions, formatFields } from "./format-options.ts";
export { handOver } from "./hand-over.ts";
