import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";

/**
 * How a supervisor and a connector's process talk: over the channel of child processes, or, where there is none (in a
 * container), in lines of JSON on standard input and output.
 */
export interface Link {
  /** Resolves when it is given away; a peer that is gone is told nothing. */
  send(message: object): Promise<void>;
  onMessage(listener: (message: unknown) => void): void;
  /** Called when the peer is gone. */
  onClose(listener: () => void): void;
}

export type LinkKind = "ipc" | "stdio";

/** The link of this process to its supervisor; `undefined` when nobody supervises it. */
export function linkToSupervisor(kind: LinkKind): Link | undefined {
  if (kind === "stdio") return lineLink(process.stdin, process.stdout);
  if (process.send === undefined) return undefined;
  return {
    send: (message) =>
      new Promise((sent) => {
        if (process.connected === true) process.send?.(message, undefined, undefined, () => sent());
        else sent();
      }),
    onMessage: (listener) => void process.on("message", listener),
    onClose: (listener) => void process.once("disconnect", listener),
  };
}

/** The link to a process that was started with pipes for its input and output, or with a channel. */
export function linkToChild(child: ChildProcess, kind: LinkKind): Link {
  if (kind === "stdio" && child.stdout !== null && child.stdin !== null) return lineLink(child.stdout, child.stdin);
  return {
    // A process that is gone already cannot be told; its end says so.
    send: (message) => new Promise((sent) => child.send(message, () => sent())),
    onMessage: (listener) => void child.on("message", listener),
    onClose: (listener) => void child.once("disconnect", listener),
  };
}

function lineLink(input: Readable, output: Writable): Link {
  const lines = createInterface({ input });
  output.on("error", () => {
    // The peer is gone; the end of the input says so.
  });
  return {
    send: async (message) => {
      if (!output.writable || output.write(`${JSON.stringify(message)}\n`)) return;
      await Promise.race([once(output, "drain"), once(output, "close")]).catch(() => {});
    },
    onMessage: (listener) =>
      void lines.on("line", (line) => {
        const message = parsed(line);
        if (message !== undefined) listener(message);
      }),
    onClose: (listener) => void lines.once("close", listener),
  };
}

/** What else a program prints is not for us. */
function parsed(line: string): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch {
    return undefined;
  }
}
