import { HeldBack } from "./connection.ts";

const PUBACK = 0x40;
const PUBREC = 0x50;

/** What acknowledgements are written to: the driver's connection. */
export interface AcknowledgementStream {
  readonly writable: boolean;
  write(bytes: Uint8Array): unknown;
}

/** A message of QoS 1 or 2 as it came. */
export interface IncomingMessage {
  readonly qos: 1 | 2;
  readonly messageId: number;
  /** Whether the broker says that it may have sent it before. */
  readonly dup: boolean;
}

/**
 * Acknowledges messages when their records are stored, in the order in which they came, while later messages are already
 * taken: the driver's own acknowledgement would let only one message be in hand. Outlives connections: a message that comes
 * again after a cut, in the same session, while it is still in hand, is not taken twice.
 */
export class Acknowledgements {
  /** In hand, and of QoS 2 also those the broker has not released; the value: whether the record is stored. */
  readonly #known = new Map<number, { readonly qos: 1 | 2; stored: boolean }>();
  #stream: AcknowledgementStream | undefined;
  /** Those of a session that the broker has forgotten must not be acknowledged: their numbers mean other messages now. */
  #session = 0;
  #inHand = 0;
  #emptied: (() => void)[] = [];

  /** @param hasSession whether the broker has kept the session of before */
  connected(stream: AcknowledgementStream, hasSession: boolean): void {
    this.#stream = stream;
    if (hasSession) return;
    this.#session++;
    this.#known.clear();
  }

  disconnected(): void {
    this.#stream = undefined;
  }

  /** @returns what to call when the record is stored; `undefined` for a message that is in hand or stored already */
  take({ qos, messageId, dup }: IncomingMessage): (() => void) | undefined {
    const known = this.#known.get(messageId);
    if (known !== undefined && dup) {
      if (known.stored) this.#send(messageId, qos);
      return undefined;
    }
    const message = { qos, stored: false };
    this.#known.set(messageId, message);
    this.#inHand++;
    const session = this.#session;
    return () => {
      this.#inHand--;
      if (this.#inHand === 0) for (const wake of this.#emptied.splice(0)) wake();
      if (session !== this.#session) return;
      message.stored = true;
      this.#send(messageId, qos);
      if (qos === 1) this.#known.delete(messageId);
    };
  }

  /** The broker will not send this message of QoS 2 again. */
  released(messageId: number): void {
    this.#known.delete(messageId);
  }

  /** Resolves when everything in hand is stored. */
  async empty(): Promise<void> {
    if (this.#inHand > 0) await new Promise<void>((resolve) => this.#emptied.push(resolve));
  }

  /** Without a connection nothing is lost: the broker sends the message again in the next one. */
  #send(messageId: number, qos: 1 | 2): void {
    if (this.#stream?.writable !== true) return;
    this.#stream.write(Buffer.from([qos === 1 ? PUBACK : PUBREC, 2, messageId >> 8, messageId & 0xff]));
  }
}

/** Answer to the driver that keeps it from acknowledging by itself, and lets it go on to the next message. */
export const HELD_BACK: HeldBack = new HeldBack("acknowledged when it is stored");
