/** A machine that is busy stands still for seconds; less than what vitest allows a test, as what is told here says more. */
const DEADLINE_MS = 30_000;

/** Rejects when a test has waited long enough. */
export function late(what: () => string): Promise<never> {
  const rejected = new Promise<never>((_, reject) => {
    AbortSignal.timeout(DEADLINE_MS).addEventListener("abort", () => reject(new Error(what())), { once: true });
  });
  rejected.catch(() => {});
  return rejected;
}
