const ROW_BYTES = 16;
const SEPARATOR = "-".repeat(78);

/** Rows of offset, sixteen bytes in two groups and their characters, then a dashed line. */
export function hexDump(bytes: Uint8Array): string {
  let text = "";
  for (let start = 0; start < bytes.length; start += ROW_BYTES) {
    const row = bytes.subarray(start, start + ROW_BYTES);
    text += start.toString(16).padStart(8, "0");
    let characters = "";
    for (let index = 0; index < ROW_BYTES; index++) {
      const byte = row[index];
      if (index % 8 === 0) text += " ";
      text += byte === undefined ? "   " : ` ${byte.toString(16).padStart(2, "0")}`;
      characters += character(byte);
    }
    text += `  |${characters}|\n`;
  }
  return `${text}${SEPARATOR}\n`;
}

function character(byte: number | undefined): string {
  if (byte === 0x0a) return ".";
  return byte !== undefined && byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : " ";
}

const PROBE_BYTES = 1024;
const MARKS: readonly (readonly number[])[] = [
  [0xef, 0xbb, 0xbf],
  [0xff, 0xfe],
  [0xfe, 0xff],
  [0x00, 0x00, 0xfe, 0xff],
];
const SIGNATURES: readonly (readonly number[])[] = [
  [0x25, 0x50, 0x44, 0x46], // %PDF
  [0x89, 0x50, 0x4e, 0x47], // \x89PNG
];

/** Whether a value is better shown as bytes: a NUL near its start or a known signature, unless marked as Unicode. */
export function isBinary(bytes: Uint8Array): boolean {
  const startsWith = (mark: readonly number[]) => mark.every((byte, index) => bytes[index] === byte);
  if (MARKS.some(startsWith)) return false;
  return SIGNATURES.some(startsWith) || bytes.subarray(0, PROBE_BYTES).indexOf(0) >= 0;
}
