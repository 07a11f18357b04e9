/** The part of the WebAssembly interface that the engine uses; TypeScript has it only among the browser's types. */
declare namespace WebAssembly {
  type ExportValue = ((...args: never[]) => unknown) | Memory | object;
  type ImportValue = ExportValue | number | bigint;
  type Exports = Readonly<Record<string, ExportValue>>;
  type Imports = Record<string, Record<string, ImportValue>>;

  interface ImportDescriptor {
    readonly module: string;
    readonly name: string;
    readonly kind: "function" | "memory" | "table" | "global" | "tag";
  }
  interface ExportDescriptor {
    readonly name: string;
    readonly kind: "function" | "memory" | "table" | "global" | "tag";
  }

  class Module {
    constructor(bytes: Uint8Array);
    static imports(module: Module): ImportDescriptor[];
    static exports(module: Module): ExportDescriptor[];
  }
  class Memory {
    constructor(descriptor: { readonly initial: number; readonly maximum?: number });
    readonly buffer: ArrayBufferLike;
  }
  class Instance {
    constructor(module: Module, imports?: Imports);
    readonly exports: Exports;
  }
  class CompileError extends Error {}
  class LinkError extends Error {}
  class RuntimeError extends Error {}
  function compile(bytes: Uint8Array): Promise<Module>;
}
