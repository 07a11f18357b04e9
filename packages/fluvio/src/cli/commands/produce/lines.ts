import type { Readable } from "node:stream";
import type { TopicProducer } from "../../../client/index.ts";

const NEWLINE = 0x0a;
const RETURN = 0x0d;

/**
 * Lines of a stream, grouped by the chunk that ended them: no promise per line. Lines are views of the chunk, without
 * their `\n` or `\r\n`; a last line without an end counts. Ends early, without an error, when the signal is aborted.
 */
export async function* splitLines(source: Readable, signal: AbortSignal): AsyncGenerator<readonly Uint8Array[]> {
  const stop = () => source.destroy();
  if (signal.aborted) stop();
  signal.addEventListener("abort", stop, { once: true });
  // Pieces of a line that spans chunks; joined once, so that a long line is not copied again for every chunk.
  let pieces: Buffer[] = [];
  try {
    for await (const chunk of source) {
      const bytes: Buffer = typeof chunk === "string" ? Buffer.from(chunk) : chunk;
      const lines: Buffer[] = [];
      let start = 0;
      for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
        const line = bytes.subarray(start, end);
        start = end + 1;
        lines.push(withoutReturn(pieces.length === 0 ? line : Buffer.concat([...pieces, line])));
        pieces = [];
      }
      if (start < bytes.length) pieces.push(bytes.subarray(start));
      if (lines.length > 0) yield lines;
    }
    if (pieces.length > 0) yield [Buffer.concat(pieces)];
  } catch (error) {
    // Destroying the source is how the signal stops it.
    if (!signal.aborted) throw error;
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

function withoutReturn(line: Buffer): Buffer {
  return line.at(-1) === RETURN ? line.subarray(0, -1) : line;
}

interface LineSenderOptions {
  /** Key of every record. */
  readonly key: string | undefined;
  /** Splits key and value; a line without it is skipped. */
  readonly separator: string | undefined;
  onRecord?(key: string, value: string): void;
  onSkipped(line: string): void;
}

interface LineSender {
  send(line: Uint8Array): Promise<void>;
  /** Sends every line in order, waiting only when the producer's queue is full. @throws what a batch was answered */
  sendAll(groups: AsyncIterable<readonly Uint8Array[]>): Promise<void>;
}

export function createLineSender(producer: TopicProducer, options: LineSenderOptions): LineSender {
  const key = options.key === undefined ? undefined : Buffer.from(options.key);
  const separator = options.separator === undefined ? undefined : Buffer.from(options.separator);

  const split = (line: Buffer): { key: Buffer | undefined; value: Buffer } | undefined => {
    if (separator === undefined) return { key, value: line };
    const at = line.indexOf(separator);
    if (at < 0) {
      options.onSkipped(line.toString());
      return undefined;
    }
    const record = { key: line.subarray(0, at), value: line.subarray(at + separator.length) };
    options.onRecord?.(record.key.toString(), record.value.toString());
    return record;
  };

  const sendAll = async (groups: AsyncIterable<readonly Uint8Array[]>) => {
    let failure: unknown;
    for await (const lines of groups) {
      let last: ReturnType<TopicProducer["trySend"]>;
      for (const line of lines) {
        const record = split(asBuffer(line));
        if (record === undefined) continue;
        last = producer.trySend(record.key, record.value);
        while (last === undefined) {
          await producer.ready();
          last = producer.trySend(record.key, record.value);
        }
      }
      // One look per chunk is enough to stop soon after the first refused batch.
      last?.wait().catch((error: unknown) => {
        failure ??= error;
      });
      if (failure !== undefined) throw failure;
    }
  };

  const send = async (line: Uint8Array) => {
    const record = split(asBuffer(line));
    if (record !== undefined) await producer.send(record.key, record.value);
  };
  return { send, sendAll };
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
