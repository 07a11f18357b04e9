/**
 * A place in the write-ahead log, bytes from its beginning. The server writes it as two hexadecimal halves, `16/B374D848`.
 */
export type Lsn = bigint;

const HALF_BITS = 32n;
const HALF_MASK = 0xffff_ffffn;

/** @returns `undefined` when the text is no place */
export function parseLsn(text: string): Lsn | undefined {
  const match = /^([0-9a-f]{1,8})\/([0-9a-f]{1,8})$/i.exec(text);
  if (match === null) return undefined;
  return (BigInt(`0x${match[1]}`) << HALF_BITS) | BigInt(`0x${match[2]}`);
}

export function lsnText(lsn: Lsn): string {
  const half = (value: bigint) => value.toString(16).toUpperCase();
  return `${half(lsn >> HALF_BITS)}/${half(lsn & HALF_MASK)}`;
}
