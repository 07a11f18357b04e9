import type { Codec, Infer, InputOf } from "../schema.ts";
import { array, bool, bytes, enumeration, map, nothing, optional, since, string, struct, u8, u32 } from "../schema.ts";

/** Package name and parameters of a module, from its SmartModule.toml. */
export const SmartModuleMetadata = struct({
  package: struct({
    name: string,
    group: string,
    /** Semver, as is `apiVersion`. */
    version: string,
    apiVersion: string,
    description: optional(string),
    license: optional(string),
    visibility: since(19, enumeration("SmartModuleVisibility", "private", "public")),
    repository: optional(string),
  }),
  params: map(string, struct({ description: optional(string), optional: bool })),
});
export type SmartModuleMetadata = Infer<typeof SmartModuleMetadata>;

const SmartModuleWasm = struct({
  format: enumeration("SmartModuleWasmFormat", "binary", "text"),
  /** The module as a gzip stream; empty in a summary. */
  payload: bytes,
});

const CurrentSmartModuleSpec = struct({
  meta: optional(SmartModuleMetadata),
  /** Only in summaries: bytes of the gzip payload that was left out. */
  summary: optional(struct({ wasmLength: u32 })),
  wasm: SmartModuleWasm,
});

/** The layout before version 10. Its kinds, source reference and parameters carry nothing that is used. */
const OldSmartModuleSpec = struct({
  inputKind: u8,
  outputKind: u8,
  sourceCode: optional(struct({ language: u8, payload: string })),
  wasm: SmartModuleWasm,
  parameters: optional(array(struct({ name: string }))),
});

export type SmartModuleSpec = Infer<typeof CurrentSmartModuleSpec>;
export type SmartModuleSpecInput = InputOf<typeof CurrentSmartModuleSpec>;
export const SmartModuleSpec: Codec<SmartModuleSpec, SmartModuleSpecInput> = {
  ...CurrentSmartModuleSpec,
  read: (r, version) => {
    if (version >= 10) return CurrentSmartModuleSpec.read(r, version);
    return { meta: undefined, summary: undefined, wasm: OldSmartModuleSpec.read(r, version).wasm };
  },
  write: (w, spec, version) => {
    if (version >= 10) CurrentSmartModuleSpec.write(w, spec, version);
    else OldSmartModuleSpec.write(w, { inputKind: 0, outputKind: 0, wasm: spec.wasm }, version);
  },
};

/** A stored module as lists have it. */
export interface ListedSmartModule {
  readonly name: string;
  readonly spec: Pick<SmartModuleSpec, "meta">;
}

/** Of the modules that `name` matches the one that it means: that which is stored under just this name, else the newest. */
export function meantSmartModule<T extends ListedSmartModule>(name: string, matching: Iterable<T>): T | undefined {
  let newest: T | undefined;
  for (const module of matching) {
    if (module.name === name) return module;
    if (newest === undefined || isNewer(module, newest)) newest = module;
  }
  return newest;
}

function isNewer(module: ListedSmartModule, than: ListedSmartModule): boolean {
  const [a, b] = [module.spec.meta?.package.version, than.spec.meta?.package.version];
  if (a === undefined || b === undefined) return b === undefined && a !== undefined;
  return a.localeCompare(b, "en", { numeric: true }) > 0;
}

/** A SmartModule has no state. */
export const SmartModuleStatus = { ...nothing };
export type SmartModuleStatus = Infer<typeof SmartModuleStatus>;
