const MAGIC = [0x00, 0x61, 0x73, 0x6d];
/** Where a text has to have begun. */
const TEXT_START_BYTES = 64;

/** Whether bytes begin as a WebAssembly module does. Nothing behind that is looked at. */
export function isWasm(bytes: Uint8Array): boolean {
  return MAGIC.every((byte, index) => bytes[index] === byte);
}

/** Whether bytes are the text form of WebAssembly, which has to be compiled first. */
export function isWasmText(bytes: Uint8Array): boolean {
  return /^\s*\(\s*module/.test(String.fromCharCode(...bytes.subarray(0, TEXT_START_BYTES)));
}
