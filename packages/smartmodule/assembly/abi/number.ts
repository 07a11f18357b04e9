/** Numbers that are written as text. */
import { fail } from "../failure";
import { decodeUtf8 } from "./utf8";

const PLUS: u8 = 0x2b;
const MINUS: u8 = 0x2d;
const DOT: u8 = 0x2e;
const MAX: u64 = 0x7fff_ffff_ffff_ffff;
const INVALID_DIGIT = "invalid digit found in string";
/** Digits whose number a 64-bit float has exactly, and powers of ten that it has exactly. */
const EXACT_DIGITS = 15;
const EXACT_POWER = 22;

const powers: StaticArray<f64> = [
  1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
  1e21, 1e22,
];

/** The number that {@link i64Problem} read last. */
let number: i64 = 0;

/** A whole number; reports an error when it is none. */
export function readI64(ptr: usize, size: i32): i64 {
  const problem = i64Problem(ptr, size);
  return problem === null ? number : fail<i64>(problem);
}

/** Reads a whole number; what keeps a text from being one, in the words of Rust's standard library, or null. */
export function i64Problem(ptr: usize, size: i32): string | null {
  const end = ptr + <usize>size;
  if (size === 0) return "cannot parse integer from empty string";
  const sign = load<u8>(ptr);
  const isNegative = sign === MINUS;
  if (isNegative || sign === PLUS) {
    ptr += 1;
    if (size === 1) return INVALID_DIGIT;
  }
  const limit = MAX + <u64>isNegative;
  let value: u64 = 0;
  for (; ptr < end; ptr++) {
    const digit = <u64>load<u8>(ptr) - 0x30;
    if (digit > 9) return INVALID_DIGIT;
    if (value > limit / 10 || value * 10 > limit - digit) {
      return `number too ${isNegative ? "small" : "large"} to fit in target type`;
    }
    value = value * 10 + digit;
  }
  number = isNegative ? -(<i64>value) : <i64>value;
  return null;
}

/** A decimal number, or NaN. */
export function readF64(ptr: usize, size: i32): f64 {
  const start = ptr;
  const end = ptr + <usize>size;
  let isNegative = false;
  if (ptr < end && (load<u8>(ptr) === MINUS || load<u8>(ptr) === PLUS)) isNegative = load<u8>(ptr++) === MINUS;
  let mantissa: u64 = 0;
  let digits = 0;
  let fraction = 0;
  let isBehindDot = false;
  for (; ptr < end; ptr++) {
    const byte = load<u8>(ptr);
    const digit = <u8>(byte - 0x30);
    if (digit < 10) {
      mantissa = mantissa * 10 + digit;
      digits += 1;
      fraction += <i32>isBehindDot;
    } else if (byte === DOT && !isBehindDot) isBehindDot = true;
    else break;
  }
  if (digits === 0) return NaN;
  if (ptr === end && digits <= EXACT_DIGITS && fraction <= EXACT_POWER) {
    const value = <f64>mantissa / unchecked(powers[fraction]);
    return isNegative ? -value : value;
  }
  return ptr === end || isExponent(ptr, end) ? parseFloat(decodeUtf8(start, size)) : NaN;
}

function isExponent(ptr: usize, end: usize): bool {
  if ((load<u8>(ptr++) | 0x20) !== 0x65) return false;
  if (ptr < end && (load<u8>(ptr) === MINUS || load<u8>(ptr) === PLUS)) ptr += 1;
  if (ptr === end) return false;
  for (; ptr < end; ptr++) {
    if (<u8>(load<u8>(ptr) - 0x30) > 9) return false;
  }
  return true;
}
