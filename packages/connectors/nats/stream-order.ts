/** A message that has a place in the order. */
export interface SentMessage {
  readonly subject: string;
  readonly id: string;
}

/** A message and the id of the one that must be the last of its stream when it comes. */
export interface Placed<M extends SentMessage> {
  readonly message: M;
  readonly follows: string | undefined;
}

/** So many subjects are remembered; then what is known of them is learnt anew. */
const SUBJECTS_MAX = 10_000;

/**
 * Says which messages can be on their way at once, so that none is stored behind one of its stream that is not: each follows
 * the one before it of the same stream, and the first of them none, as all before it are acknowledged. In which stream a
 * subject is stored is learnt from acknowledgements; before that it is taken for the one of the message before.
 */
export class StreamOrder {
  readonly #streams = new Map<string, string>();
  #sentMax = Number.POSITIVE_INFINITY;

  /** The messages from `from` on that can be sent now, one at least. */
  next<M extends SentMessage>(messages: readonly M[], from: number): Placed<M>[] {
    const placed: Placed<M>[] = [];
    const last = new Map<string, string>();
    let stream = "";
    let isSure = true;
    for (const message of messages.slice(from, from + this.#sentMax)) {
      const known = this.#streams.get(message.subject);
      stream = known ?? stream;
      const follows = last.get(stream);
      // One whose stream is only supposed may be in the stream of this one, which would not wait for it.
      if (placed.length > 0 && follows === undefined && !(isSure && known !== undefined)) break;
      isSure &&= known !== undefined;
      placed.push({ message, follows });
      last.set(stream, message.id);
    }
    return placed;
  }

  /** The stream that has stored a message of the subject. */
  learn(subject: string, stream: string): void {
    if (this.#streams.get(subject) === stream) return;
    if (this.#streams.size >= SUBJECTS_MAX) this.#streams.clear();
    this.#streams.set(subject, stream);
  }

  /** How many of the messages that were sent were stored before the first that was not: others write to the stream, too. */
  heard(sent: number, stored: number): void {
    this.#sentMax = stored < sent ? Math.max(1, stored) : Math.max(this.#sentMax, 2 * sent);
  }
}
