/** Whether the user's code reported an error since the record, or init, began. */
export let failed: bool = false;
/** What it said. */
export let failure: string = "";

/**
 * Reports an error: the record it is about, its offset, key and value travel to the user with `message`. Records before it
 * are kept, later ones of the batch are not looked at. In `init` it refuses the module's parameters.
 *
 * Nothing is thrown: return what it gives at once, as in `return fail<bool>("no price")`. Of several calls for one record
 * the first counts.
 */
export function fail<T>(message: string): T {
  if (!failed) {
    failed = true;
    failure = message;
  }
  if (isVoid<T>()) return;
  if (isReference<T>()) return changetype<T>(<usize>0);
  return <T>0;
}

/** Forgets the error. */
export function forgetFailure(): void {
  failed = false;
  failure = "";
}
