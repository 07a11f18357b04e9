import type { Writable } from "node:stream";
import picocolors from "picocolors";

export type Style = ReturnType<typeof picocolors.createColors>;

/** The reader of our output is gone (`fluvio consume … | head`): the command ends quietly. */
export class BrokenPipe extends Error {}

/** Standard output or standard error, as commands see it. */
export interface Output {
  readonly isTty: boolean;
  /** Width of the terminal; 80 where there is none. */
  readonly columns: number;
  /** Colours on a terminal, plain text elsewhere. */
  readonly style: Style;
  /** For libraries that draw on a terminal themselves. */
  readonly stream: Writable;
  /** Writes one line; for the few lines of a table or a message. */
  print(line?: string): void;
  /**
   * Writes a chunk as it is. A promise means that the reader is behind: await it before the next chunk.
   * @throws BrokenPipe
   */
  write(chunk: string | Uint8Array): Promise<void> | undefined;
  /** Resolves when everything written has left this process. */
  flush(): Promise<void>;
}

interface OutputOptions {
  readonly isTty: boolean;
  readonly columns: number;
  readonly colors: boolean;
  /** Called once when the reader has gone away. */
  onBroken(): void;
}

export function createOutput(stream: Writable, options: OutputOptions): Output {
  let broken = false;
  let waiting: (() => void)[] = [];
  const release = () => {
    const released = waiting;
    waiting = [];
    for (const done of released) done();
  };
  stream.on("drain", release);
  stream.on("close", release);
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE" && error.code !== "ERR_STREAM_DESTROYED") throw error;
    if (!broken) options.onBroken();
    broken = true;
    release();
  });
  const drained = async () => {
    await new Promise<void>((done) => waiting.push(done));
    if (broken) throw new BrokenPipe();
  };
  return {
    isTty: options.isTty,
    columns: options.columns,
    stream,
    style: picocolors.createColors(options.colors),
    print: (line = "") => {
      if (!broken) stream.write(`${line}\n`);
    },
    write: (chunk) => {
      if (broken) throw new BrokenPipe();
      return stream.write(chunk) ? undefined : drained();
    },
    flush: () =>
      new Promise((resolve) => {
        if (broken || stream.writableLength === 0) resolve();
        else stream.write("", () => resolve());
      }),
  };
}
