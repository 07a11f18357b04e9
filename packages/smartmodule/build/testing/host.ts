import { encodeParams, inputSize, writeInput } from "../../../fluvio/src/smartengine/host/abi.ts";
import { Wasi } from "../../../fluvio/src/smartengine/host/wasi.ts";

/** What a call gave. */
export interface CallResult {
  readonly code: number;
  /** What it handed over; empty when it handed over nothing. */
  readonly output: Uint8Array;
}

export interface TestInput {
  readonly records: Uint8Array;
  readonly baseOffset?: number;
  readonly baseTimestampMs?: number;
  readonly accumulator?: Uint8Array;
}

/** The least host that there can be: it calls a module as the ABI says, and nothing more. */
export class TestHost {
  readonly printed: string[] = [];
  private readonly exports: WebAssembly.Exports;
  private handed: readonly [ptr: number, length: number] = [0, 0];

  constructor(wasm: Uint8Array) {
    const wasi = new Wasi((_stream, line) => this.printed.push(line));
    const module = new WebAssembly.Module(wasm);
    const imports: WebAssembly.Imports = { env: {} };
    for (const entry of WebAssembly.Module.imports(module)) {
      const provided = wasi.function(entry.module, entry.name);
      const copyRecords = (ptr: number, length: number) => {
        this.handed = [ptr >>> 0, length >>> 0];
      };
      imports[entry.module] = { ...imports[entry.module], [entry.name]: provided ?? copyRecords };
    }
    this.exports = new WebAssembly.Instance(module, imports).exports;
    wasi.attach(this.exports.memory as WebAssembly.Memory);
  }

  get memoryBytes(): number {
    return (this.exports.memory as WebAssembly.Memory).buffer.byteLength;
  }

  /** Calls an export with these bytes as its input. */
  callRaw(name: string, input: Uint8Array, version: number): CallResult {
    const { alloc, memory } = this.exports as {
      readonly alloc: (length: number) => number;
      readonly memory: WebAssembly.Memory;
    };
    const guest = this.exports[name] as (ptr: number, length: number, version: number) => number;
    this.handed = [0, 0];
    const ptr = alloc(input.length) >>> 0;
    new Uint8Array(memory.buffer).set(input, ptr);
    const code = guest(ptr, input.length, version);
    return { code, output: new Uint8Array(memory.buffer, this.handed[0], this.handed[1]).slice() };
  }

  /** Calls a transform or look_back. */
  call(name: string, input: TestInput, version = 25): CallResult {
    return this.callRaw(name, encodeInput(input, version), version);
  }
}

/** The input of a call, as the ABI has it at a version. */
export function encodeInput(input: TestInput, version: number): Uint8Array {
  const tail = { params: encodeParams(new Map(), undefined, version), accumulator: input.accumulator };
  const call = {
    records: input.records,
    baseOffset: input.baseOffset ?? 0,
    baseTimestampMs: input.baseTimestampMs ?? 0,
  };
  const memory = new ArrayBuffer(inputSize(call, tail, version));
  writeInput(memory, 0, call, tail, version);
  return new Uint8Array(memory);
}
