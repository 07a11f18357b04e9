/** What takes longer is told by the state, milliseconds: a target that is frozen must not look like one that works. */
const SLOW_MS = 3000;

/** Waits for an answer, and tells the connector's state while it is slow. */
export async function tellSlow<T>(trouble: (reason: string) => void, what: string, answer: Promise<T>): Promise<T> {
  let isTold = false;
  const timer = setTimeout(() => {
    isTold = true;
    trouble(`${what} has not answered for ${SLOW_MS / 1000} s`);
  }, SLOW_MS);
  try {
    return await answer;
  } finally {
    clearTimeout(timer);
    if (isTold) trouble("");
  }
}
