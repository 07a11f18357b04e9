/** The builder: turns a file in AssemblyScript that uses `@fluvio/smartmodule` into a SmartModule. */
export {
  type BuildWarning,
  type BuiltSmartModule,
  compileSmartModule,
  SmartModuleCompiler,
  type SmartModuleSource,
} from "./compile.ts";
export type { SmartModuleKind } from "./functions.ts";
