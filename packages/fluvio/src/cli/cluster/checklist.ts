import type { Output } from "../output/stream.ts";

const FRAMES = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const FRAME_MS = 100;

/**
 * Progress of a `cluster` command on standard error. On a terminal: a spinner that is redrawn in place, and the
 * finished lines. With `CI` set: every message as a line. Otherwise: headlines and failures.
 */
export interface Checklist {
  /** Shown in every mode. */
  headline(text: string): void;
  /** Something that is done. */
  done(text: string): void;
  /** Something that is going on. */
  progress(text: string): void;
  /** Ends the spinner. */
  end(): void;
}

export function createChecklist(out: Output, env: Readonly<Record<string, string | undefined>>): Checklist {
  if (env.CI !== undefined && env.CI !== "") return lines(out);
  return out.isTty ? spinner(out) : headlines(out);
}

const nothing = () => {};

function headlines(out: Output): Checklist {
  return { headline: (text) => out.print(text), done: nothing, progress: nothing, end: nothing };
}

function lines(out: Output): Checklist {
  const print = (text: string) => out.print(text);
  return { headline: print, done: print, progress: print, end: nothing };
}

function spinner(out: Output): Checklist {
  let text = "";
  let frame = 0;
  let timer: NodeJS.Timeout | undefined;
  const clear = "\r\u001b[2K";
  const draw = (): void => {
    frame = (frame + 1) % FRAMES.length;
    void out.write(`${clear}${FRAMES[frame]} ${text}`.slice(0, out.columns + clear.length));
  };
  const end = (): void => {
    if (timer === undefined) return;
    clearInterval(timer);
    timer = undefined;
    void out.write(clear);
  };
  const line = (finished: string): void => {
    end();
    out.print(finished);
  };
  return {
    headline: line,
    done: line,
    end,
    progress: (next) => {
      text = next;
      if (timer !== undefined) return;
      timer = setInterval(draw, FRAME_MS);
      timer.unref();
      draw();
    },
  };
}
