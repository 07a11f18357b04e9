import type { Output } from "./stream.ts";

const FRAMES = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const PERIOD_MS = 100;

/** A sign of life below the records, on a terminal. */
export interface Spinner {
  /** Takes the spinner away before something is printed; it comes back by itself. */
  clear(): void;
  stop(): void;
}

export function startSpinner(out: Output): Spinner {
  let frame = 0;
  let shown = false;
  const clear = () => {
    if (shown) out.stream.write("\r\u001b[K");
    shown = false;
  };
  const timer = setInterval(() => {
    out.stream.write(`\r${FRAMES[frame++ % FRAMES.length]}`);
    shown = true;
  }, PERIOD_MS);
  timer.unref();
  return {
    clear,
    stop: () => {
      clearInterval(timer);
      clear();
    },
  };
}

/** Where no spinner is wanted. */
export const noSpinner: Spinner = { clear: () => {}, stop: () => {} };
