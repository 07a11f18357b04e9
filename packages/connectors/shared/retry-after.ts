/** A pause in milliseconds from the text of a `Retry-After` header: a number of seconds, or a date; 0 when it asks for none. */
export function retryAfterMs(text: string | undefined, nowMs: number): number {
  if (text === undefined) return 0;
  const afterMs = /^\d{1,9}(\.\d+)?$/.test(text) ? Number(text) * 1000 : Date.parse(text) - nowMs;
  return Number.isNaN(afterMs) ? 0 : Math.max(afterMs, 0);
}

/** For `tryLater`: the pause, if one is asked for. */
export function pauseAsked(text: string | undefined): { readonly afterMs?: number } {
  const afterMs = retryAfterMs(text, Date.now());
  return afterMs > 0 ? { afterMs } : {};
}
