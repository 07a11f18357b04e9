import { assert, brokenSmartModuleMessage, flvError, isFluvioError } from "../../protocol/index.ts";
import type { RecordError, SmartChain } from "../../smartengine/index.ts";
import type { PartitionLog } from "../../storage/index.ts";
import type { ServerConnection } from "../../transport/index.ts";
import type { SpuLimits } from "./limits.ts";

/** What one reply of a stream carries. */
export interface StreamData {
  /** Whole batches in order, for the wire as they are; views of shared buffers. */
  readonly pieces: readonly Uint8Array[];
  /** What the client is to acknowledge after SmartModules; 0 for stored data, where batches say it themselves. */
  readonly nextFilterOffset: number;
  /** A record that a SmartModule refused; the stream goes on behind the batch that holds it. */
  readonly error: RecordError | undefined;
}

/** Where a stream's replies come from. Calls follow one another. */
export interface StreamSource {
  /**
   * The next reply from `offset` on, of batches below `limit`; `undefined` when there is none.
   * @throws what {@link PartitionLog.read} and {@link SmartChain.process} throw: the end of the stream
   */
  next(offset: number, limit: number): Promise<StreamData | undefined>;
  /** Whether it must see committed records only, whatever the client asked for. */
  readonly committedOnly?: boolean;
  /**
   * The client wants `offset` next. Resolves when what that entails is durable.
   * @throws FLV_AGGREGATE_STATE for an offset that cannot be acknowledged
   */
  acknowledged?(offset: number): Promise<void>;
  close(): void;
}

/** Stored batches as they are. At least one whole batch a reply, however small `maxBytes`. */
export function rawSource(log: PartitionLog, maxBytes: number): StreamSource {
  return {
    next: async (offset, limit) => {
      const slice = await log.read(offset, { maxBytes, upToOffset: limit });
      if (slice.sizeBytes === 0) return undefined;
      return { pieces: slice.pieces, nextFilterOffset: 0, error: undefined };
    },
    close: () => {},
  };
}

export interface ChainSourceOptions {
  readonly maxBytes: number;
  /** The reader takes offsets from offset deltas. */
  readonly keepsGaps: boolean;
  readonly limits: SpuLimits;
  /** Where the replies go. */
  readonly connection: Pick<ServerConnection, "isFlushed">;
  /** Called once, when the source is closed. */
  closed(): void;
}

/**
 * What a chain makes of the stored batches. Batches of which nothing survives are passed over until there is a
 * record, an error, the limit or enough of them; then the client is told, so that it knows how far the stream is.
 */
export function chainSource(
  log: Pick<PartitionLog, "read">,
  chain: Pick<SmartChain, "process">,
  { maxBytes, keepsGaps, limits, connection, closed }: ChainSourceOptions,
): StreamSource {
  let open = true;
  /** What the last reply was made of. */
  let sent: Uint8Array | undefined;
  const next = async (offset: number, limit: number): Promise<StreamData | undefined> => {
    // an acknowledgement alone does not prove it: clients may send them too early
    let spent = connection.isFlushed ? sent : undefined;
    sent = undefined;
    const silent: Uint8Array[] = [];
    let silentBytes = 0;
    let at = offset;
    while (open && at < limit && silentBytes < limits.chainSilentBytesMax) {
      const slice = await log.read(at, { maxBytes: limits.chainReadBytes, upToOffset: limit });
      if (slice.sizeBytes === 0) break;
      const output = await chain
        .process({ batches: slice.pieces, fromOffset: at, maxOutputBytes: maxBytes, passesOn: true, keepsGaps, spent })
        .catch((error: unknown) => {
          throw asProcessError(error, at, slice.nextOffset - 1);
        });
      assert(output.nextOffset > at, "a chain gets on with every step, or the stream would stand still");
      spent = undefined;
      at = output.nextOffset;
      if (output.recordCount > 0 || output.error !== undefined) {
        sent = output.batches;
        return { pieces: [...silent, output.batches], nextFilterOffset: at, error: output.error };
      }
      silent.push(output.batches);
      silentBytes += slice.sizeBytes;
    }
    if (at === offset) return undefined;
    return { pieces: silent, nextFilterOffset: at, error: undefined };
  };
  return {
    next,
    close: () => {
      if (!open) return;
      open = false;
      closed();
    },
  };
}

/** A trap or a limit while records are worked off: clients know it by its first words. */
function asProcessError(error: unknown, fromOffset: number, toOffset: number): unknown {
  if (!isFluvioError(error)) return error;
  // the batch that it was working on is known, but for what ended between two of them
  const where =
    typeof error.details.firstOffset === "number" ? "" : `, in the records from offset ${fromOffset} to ${toOffset}`;
  return flvError("FLV_SMARTMODULE_RUNTIME", `${brokenSmartModuleMessage(error)}${where}`, {
    details: { ...error.details, fromOffset, toOffset },
    cause: error,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  });
}
