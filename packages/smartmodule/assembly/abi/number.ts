/** Numbers that are written as text. */
import { fail } from "../failure";

const PLUS: u8 = 0x2b;
const MINUS: u8 = 0x2d;
const DOT: u8 = 0x2e;
const MAX: u64 = 0x7fff_ffff_ffff_ffff;
const INVALID_DIGIT = "invalid digit found in string";
/** Mantissas below it have room for one more digit. */
const MANTISSA_MAX: u64 = 1_000_000_000_000_000_000;
/** Beyond it there is only 0 and infinity, also for a mantissa of many zeros behind its dot. */
const EXPONENT_MAX = 100_000;
const POWER_MAX = 22;
/** Powers of ten that a 64-bit float has exactly. */
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
  const end = ptr + <usize>size;
  let isNegative = false;
  if (ptr < end && (load<u8>(ptr) === MINUS || load<u8>(ptr) === PLUS)) isNegative = load<u8>(ptr++) === MINUS;
  let mantissa: u64 = 0;
  let hasDigits = false;
  let isBehindDot = false;
  /** Power of ten that the mantissa still lacks. */
  let power = 0;
  for (; ptr < end; ptr++) {
    const byte = load<u8>(ptr);
    const digit = <u8>(byte - 0x30);
    if (digit < 10) {
      hasDigits = true;
      // what a mantissa of 64 bits has no room for is too small to count
      if (mantissa < MANTISSA_MAX) {
        mantissa = mantissa * 10 + digit;
        power -= <i32>isBehindDot;
      } else power += <i32>!isBehindDot;
    } else if (byte === DOT && !isBehindDot) isBehindDot = true;
    else break;
  }
  if (!hasDigits) return NaN;
  if (ptr < end) {
    if ((load<u8>(ptr++) | 0x20) !== 0x65 || !readExponent(ptr, end)) return NaN;
    power += exponent;
  }
  const value = scale(mantissa, power);
  return isNegative ? -value : value;
}

/** The exponent that was read last, as far as it counts. */
let exponent = 0;

function readExponent(ptr: usize, end: usize): bool {
  let isNegative = false;
  if (ptr < end && (load<u8>(ptr) === MINUS || load<u8>(ptr) === PLUS)) isNegative = load<u8>(ptr++) === MINUS;
  if (ptr === end) return false;
  exponent = 0;
  for (; ptr < end; ptr++) {
    const digit = <u8>(load<u8>(ptr) - 0x30);
    if (digit > 9) return false;
    exponent = min(exponent * 10 + digit, EXPONENT_MAX);
  }
  if (isNegative) exponent = -exponent;
  return true;
}

/** A mantissa times a power of ten: exact for up to 15 digits and small powers, else right but for the last bits. */
function scale(mantissa: u64, power: i32): f64 {
  let value = <f64>mantissa;
  if (mantissa === 0) return value;
  const isNegative = power < 0;
  let left = min(abs(power), EXPONENT_MAX);
  for (; left > POWER_MAX; left -= POWER_MAX) value = isNegative ? value / 1e22 : value * 1e22;
  const rest = unchecked(powers[left]);
  return isNegative ? value / rest : value * rest;
}
