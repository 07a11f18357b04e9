import { readFileSync } from "node:fs";
import type { CallInput } from "../host/abi.ts";
import { Wasi } from "../host/wasi.ts";

/** A call into a module, as the vectors have it; bytes are hexadecimal. */
export interface AbiVector {
  readonly module: string;
  readonly version: number;
  readonly call: string;
  readonly note: string;
  /** Note of a call that comes before it on the same instance. */
  readonly after?: string;
  readonly input: string;
  readonly rc?: number;
  readonly output?: string | null;
  readonly trap?: string | boolean;
}

export interface Outcome {
  readonly rc: number | undefined;
  readonly output: string | undefined;
  readonly trapped: boolean;
}

const FILE = new URL("../../../../../tests/vectors/abi.jsonl", import.meta.url);

export function readAbiVectors(): readonly AbiVector[] {
  return readFileSync(FILE, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as AbiVector);
}

export function expectedOutcome(vector: AbiVector): Outcome {
  const trapped = vector.trap !== undefined && vector.trap !== null && vector.trap !== false;
  return { rc: trapped ? undefined : vector.rc, output: vector.output ?? undefined, trapped };
}

/** Makes the calls of a vector on a new instance, by nothing but the ABI, and gives what the last one did. */
export function replay(vector: AbiVector, vectors: readonly AbiVector[], module: WebAssembly.Module): Outcome {
  const instance = new BareInstance(module);
  if (vector.after !== undefined) {
    const before = vectors.find(
      (other) => other.module === vector.module && other.version === vector.version && other.note === vector.after,
    );
    if (before === undefined) throw new Error(`there is no call "${vector.after}" of ${vector.module}`);
    instance.call(before);
  }
  return instance.call(vector);
}

/** The least host there can be: an instance that is spoken to by nothing but the ABI. */
export class BareInstance {
  private readonly exports: WebAssembly.Exports;
  private output: { ptr: number; length: number } | undefined;

  constructor(module: WebAssembly.Module) {
    const wasi = new Wasi(() => {});
    const imports: WebAssembly.Imports = {};
    for (const entry of WebAssembly.Module.imports(module)) {
      const provided = wasi.function(entry.module, entry.name);
      const copyRecords = (ptr: number, length: number) => {
        this.output = { ptr: ptr >>> 0, length: length >>> 0 };
      };
      imports[entry.module] = { ...imports[entry.module], [entry.name]: provided ?? copyRecords };
    }
    this.exports = new WebAssembly.Instance(module, imports).exports;
    wasi.attach(this.exports.memory as WebAssembly.Memory);
  }

  call({ call, version, input: inputHex }: Pick<AbiVector, "call" | "version" | "input">): Outcome {
    const input = Buffer.from(inputHex, "hex");
    const alloc = this.exports.alloc as (length: number) => number;
    const guest = this.exports[call] as (ptr: number, length: number, version: number) => number;
    const memory = this.exports.memory as WebAssembly.Memory;
    this.output = undefined;
    const ptr = alloc(input.length) >>> 0;
    new Uint8Array(memory.buffer).set(input, ptr);
    try {
      const rc = guest(ptr, input.length, version);
      return { rc, output: this.outputHex(memory), trapped: false };
    } catch (error) {
      if (error instanceof WebAssembly.RuntimeError) return { rc: undefined, output: undefined, trapped: true };
      throw error;
    }
  }

  private outputHex(memory: WebAssembly.Memory): string | undefined {
    if (this.output === undefined) return undefined;
    const { ptr, length } = this.output;
    return Buffer.from(memory.buffer as ArrayBuffer, ptr, length).toString("hex");
  }
}

/** Takes a vector's input apart; `undefined` when it was cut short on purpose. */
export function parseInput(
  vector: AbiVector,
): { readonly input: CallInput; readonly accumulator: Uint8Array | undefined } | undefined {
  const bytes = Buffer.from(vector.input, "hex");
  if (bytes.length < 12) return undefined;
  const recordsEnd = 12 + bytes.readUInt32BE(8);
  if (recordsEnd > bytes.length) return undefined;
  // empty params: a map of 2 bytes, from 20 on the lookback option; then the join record
  const params = vector.version > 22 ? 0 : vector.version >= 20 ? 3 : 2;
  const join = vector.version >= 16 && vector.version <= 22 ? 4 : 0;
  const timestampAt = recordsEnd + params + join;
  const hasTimestamp = vector.version >= 22;
  const accumulatorAt = timestampAt + (hasTimestamp ? 8 : 0) + 4;
  return {
    input: {
      records: bytes.subarray(12, recordsEnd),
      baseOffset: Number(bytes.readBigInt64BE(0)),
      baseTimestampMs: hasTimestamp ? Number(bytes.readBigInt64BE(timestampAt)) : 0,
    },
    accumulator: vector.call === "aggregate" ? bytes.subarray(accumulatorAt) : undefined,
  };
}
