const UTF8_DECODER = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Transforms, as an error names them. */
export type SmartModuleErrorKind = "filter" | "map" | "arrayMap" | "aggregate" | "filterMap" | "join" | "generic";

/** A transform that failed on one record. */
export interface SmartModuleRuntimeErrorPayload {
  /** What the module said, causes included. */
  readonly hint: string;
  readonly offset: number;
  readonly kind: SmartModuleErrorKind;
  readonly recordKey?: Uint8Array | undefined;
  readonly recordValue: Uint8Array;
}

/** A transform's error as users see it: the module's words, then the record. */
export function renderRuntimeError(error: SmartModuleRuntimeErrorPayload): string {
  const kind = `${error.kind.charAt(0).toUpperCase()}${error.kind.slice(1)}`;
  return `${error.hint}\n\nSmartModule Info: \n    Type: ${kind}\n${recordLines(error)}`;
}

/** A look_back's error as users see it. */
export function renderLookbackError(error: Omit<SmartModuleRuntimeErrorPayload, "kind">): string {
  return `${error.hint}\n\nSmartModule Lookback Error: \n${recordLines(error)}`;
}

/** An init's error as users see it. */
export function renderInitError(hint: string): string {
  return `${hint}\n\nSmartModule Init Error: \n`;
}

function recordLines(error: Omit<SmartModuleRuntimeErrorPayload, "kind">): string {
  const key = error.recordKey === undefined ? "NULL" : shown(error.recordKey);
  return `    Offset: ${error.offset}\n    Key: ${key}\n    Value: ${shown(error.recordValue)}`;
}

function shown(bytes: Uint8Array): string {
  try {
    return UTF8_DECODER.decode(bytes);
  } catch {
    return `Binary: ${bytes.length} bytes`;
  }
}
