import type { ConnectorConfig } from "../file/config.ts";
import { isModuleParameter } from "./common-parameters.ts";

/** A SmartModule as a connector's file names it. */
export interface NamedModule {
  /** Name of a stored module, or path of a wasm file. */
  readonly uses: string;
  /** Whether a file of that path, if there is one, is meant. */
  readonly mayBePath: boolean;
  /** What names it, for messages. */
  readonly key: string;
}

/** The SmartModules of a checked configuration, whatever its direction: parameters in the order of the file, then `transforms`. */
export function namedModules(config: ConnectorConfig): readonly NamedModule[] {
  const named = Object.entries(config.parameters).flatMap(([key, uses]): NamedModule[] =>
    isModuleParameter(key) && typeof uses === "string" ? [{ uses, mayBePath: true, key: `parameters.${key}` }] : [],
  );
  const listed = config.transforms.map(({ uses }) => ({ uses, mayBePath: uses.endsWith(".wasm"), key: "transforms" }));
  return [...named, ...listed];
}
