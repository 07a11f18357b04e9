/** What the user gives as bytes, whatever its type: where it lies and how long it is. */
import { Bytes } from "../bytes";
import { stringify } from "../json-bridge";
import { Buffer } from "./buffer";
import { encodeUtf8, textSize, utf8SizeMax } from "./utf8";

/** The bytes of the operand that was read last; they hold until the next one. */
export let operandPtr: usize = 0;
export let operandSize: i32 = 0;

const scratch = new Buffer();
/** The literal whose UTF-8 is in `scratch`, or 0: literals never move, so that their address is enough to know them. */
let scratchLiteral: usize = 0;

/**
 * Reads an operand: text, bytes of any kind, or an object that becomes JSON. It is inlined, and gives on addresses only: a
 * reference that is passed on would be put on the stack of the garbage collector, which costs more than a short scan.
 */
// @ts-ignore: decorator
@inline
export function operand<T>(value: T): void {
  if (isNullable<T>()) ERROR("this may be null: look first, as in if (x !== null)");
  if (isString<T>()) textOperand(changetype<usize>(value));
  else if (isReference<T>()) {
    if (value instanceof Bytes) {
      operandPtr = changetype<Bytes>(value).ptr;
      operandSize = changetype<Bytes>(value).length;
    } else if (value instanceof Uint8Array) {
      operandPtr = changetype<Uint8Array>(value).dataStart;
      operandSize = changetype<Uint8Array>(value).byteLength;
    } else if (value instanceof ArrayBuffer) {
      operandPtr = changetype<usize>(value);
      operandSize = changetype<ArrayBuffer>(value).byteLength;
    } else if (value instanceof StaticArray<u8>) {
      operandPtr = changetype<usize>(value);
      operandSize = changetype<StaticArray<u8>>(value).length;
    } else textOperand(changetype<usize>(stringify<T>(value)));
  } else ERROR("this is neither text nor bytes, such as string, Bytes or Uint8Array");
}

/** Nothing is allocated here that could move or free the text. */
function textOperand(text: usize): void {
  if (text !== scratchLiteral) {
    const size = textSize(text);
    scratch.size = 0;
    scratch.reserve(utf8SizeMax(size));
    scratch.size = encodeUtf8(text, size, scratch.ptr);
    scratchLiteral = text < __heap_base ? text : 0;
  }
  operandPtr = scratch.ptr;
  operandSize = <i32>scratch.size;
}
