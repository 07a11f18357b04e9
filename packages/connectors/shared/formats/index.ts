export { columnsField } from "./columns.ts";
export {
  type Decoded,
  type DecoderPlace,
  type RecordDecoder,
  recordDecoder,
} from "./decoder.ts";
export {
  CONTENT_TYPES,
  DOCUMENT_FORMATS,
  type DocumentOptions,
  encodeDocument,
  extensionOf,
  type Piece,
  pieceOf,
} from "./encoder.ts";
export { type FormatOptions, formatFields } from "./format-options.ts";
export { handOver } from "./hand-over.ts";
