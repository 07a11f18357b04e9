export type { Api } from "./api.ts";
export { api } from "./api.ts";
export { type LengthPrefix, Reader, STRING_BYTES_MAX, Writer } from "./cursor.ts";
export {
  assert,
  FluvioError,
  type FluvioErrorCode,
  type FluvioErrorOptions,
  flvError,
  isFluvioError,
} from "./errors.ts";
export { type Logger, silentLogger } from "./logger.ts";
export * as schema from "./schema.ts";
export { type Codec, decode, encode, type Infer, type InputOf } from "./schema.ts";
