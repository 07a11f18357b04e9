import { createConnection, type Socket } from "node:net";

/** A TCP connection without a protocol of its own: frames in, frames out, and whatever bytes a test likes. */
export class RawClient {
  readonly socket: Socket;
  /** Resolves when the server ended the connection. */
  readonly ended: Promise<void>;
  readonly #frames: Buffer[] = [];
  #rest: Buffer = Buffer.alloc(0);
  #wake: (() => void) | undefined;
  #isEnded = false;

  constructor(port: number) {
    this.socket = createConnection({ host: "127.0.0.1", port });
    this.socket.on("data", (chunk) => this.#take(chunk));
    // a reset is one of the ways in which a server ends a connection
    this.socket.on("error", () => {});
    this.ended = new Promise((resolve) => {
      this.socket.once("close", () => {
        this.#isEnded = true;
        this.#wake?.();
        resolve();
      });
    });
  }

  /** Sends one frame: its length before it. */
  send(frame: Uint8Array): void {
    const length = Buffer.alloc(4);
    length.writeInt32BE(frame.length);
    this.socket.write(Buffer.concat([length, frame]));
  }

  /** The next frame with this correlation id, without its length; others are dropped. Rejects when the connection ends. */
  async reply(correlationId: number): Promise<Buffer> {
    for (;;) {
      const frame = this.#frames.shift();
      if (frame === undefined) {
        if (this.#isEnded) throw new Error(`the connection ended before a reply to ${correlationId}`);
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      } else if (frame.readInt32BE(0) === correlationId) {
        return frame;
      }
    }
  }

  close(): void {
    this.socket.destroy();
  }

  #take(chunk: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    while (this.#rest.length >= 4 && this.#rest.length >= 4 + this.#rest.readInt32BE(0)) {
      const end = 4 + this.#rest.readInt32BE(0);
      this.#frames.push(this.#rest.subarray(4, end));
      this.#rest = this.#rest.subarray(end);
    }
    this.#wake?.();
  }
}
