/** What the driver's error comes down to, in one line: it packs the reason several layers deep. */
export function problemText(error: unknown): string {
  const found = new Set<string>();
  collect(error, found);
  return [...found].join("; ");
}

const DEPTH_MAX = 8;

function collect(error: unknown, found: Set<string>, depth = 0): void {
  if (!(error instanceof Error)) {
    found.add(String(error));
    return;
  }
  const { errors } = error as { readonly errors?: readonly unknown[] };
  const parts = Array.isArray(errors) && errors.length > 0 ? errors : error.cause === undefined ? [] : [error.cause];
  if (parts.length === 0 || depth >= DEPTH_MAX) {
    const { code } = error as { readonly code?: unknown };
    const isSystemCode = typeof code === "string" && !code.startsWith("PLT_KFK_") && !error.message.includes(code);
    found.add(isSystemCode ? `${code}: ${error.message}` : error.message);
    return;
  }
  for (const part of parts) collect(part, found, depth + 1);
}

/** Whether an error of the driver has one of the broker's codes, such as `OFFSET_OUT_OF_RANGE`. */
export function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  if (!(error instanceof Error)) return false;
  const { apiId, errors } = error as { readonly apiId?: unknown; readonly errors?: readonly unknown[] };
  if (typeof apiId === "string" && codes.includes(apiId)) return true;
  return [...(errors ?? []), error.cause].some((one) => hasCode(one, ...codes));
}

/** Whether an error is this product's, not the driver's. */
export function isOwn(error: unknown): boolean {
  return error instanceof Error && "code" in error && typeof error.code === "string" && error.code.startsWith("FLV_");
}
