import { connect, type Socket } from "node:net";

const WAIT_MS_MAX = 30_000;

/** Sends frames as they are and gives back what comes, byte by byte. */
export class RawClient {
  private readonly socket: Socket;
  private received = Buffer.alloc(0);
  private readonly waiting = new Set<() => void>();
  isClosed = false;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (chunk) => {
      this.received = Buffer.concat([this.received, chunk]);
      this.wake();
    });
    socket.on("close", () => {
      this.isClosed = true;
      this.wake();
    });
    socket.on("error", () => {});
  }

  static async open(port: number): Promise<RawClient> {
    const socket = connect({ host: "127.0.0.1", port });
    await new Promise((resolve, reject) => socket.once("connect", resolve).once("error", reject));
    return new RawClient(socket);
  }

  /** Writes bytes that are no frame, or a frame with its length. */
  write(bytes: Uint8Array): void {
    this.socket.write(bytes);
  }

  /** Sends one frame, given without its length. */
  send(hex: string): void {
    const frame = Buffer.from(hex, "hex");
    const length = Buffer.alloc(4);
    length.writeInt32BE(frame.length);
    this.socket.write(Buffer.concat([length, frame]));
  }

  /** The next frame without its length, as hex. */
  async receive(): Promise<string> {
    await this.until(() => this.received.length >= 4 && this.received.length >= 4 + this.received.readInt32BE(0));
    const end = 4 + this.received.readInt32BE(0);
    const frame = this.received.subarray(4, end).toString("hex");
    this.received = this.received.subarray(end);
    return frame;
  }

  async closed(): Promise<void> {
    await this.until(() => this.isClosed);
  }

  close(): void {
    this.socket.destroy();
  }

  private wake(): void {
    for (const check of [...this.waiting]) check();
  }

  private until(condition: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`not within ${WAIT_MS_MAX} ms`)), WAIT_MS_MAX);
      const check = () => {
        if (!condition()) return;
        clearTimeout(timer);
        this.waiting.delete(check);
        resolve();
      };
      this.waiting.add(check);
      check();
    });
  }
}
