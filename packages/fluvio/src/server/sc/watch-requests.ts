import type { MetadataOf, ObjectLabel } from "../../protocol/index.ts";
import { flvError, type WatchRequest, type WatchResponseInput } from "../../protocol/index.ts";
import type { AdminParts } from "./admin-requests.ts";
import type { ObjectWatch, WatchBatch } from "./object-store.ts";

/** One watch of a client. */
export interface ClientWatch {
  /** The next reply; rejects with `signal.reason`. */
  next(signal: AbortSignal): Promise<WatchResponseInput>;
  close(): void;
}

/**
 * Opens a watch: its first reply is a snapshot, later ones are merged changes.
 * @throws FLV_INVALID_REQUEST for an object type that cannot be watched, which ends the connection
 */
export function watch(parts: AdminParts, request: WatchRequest): ClientWatch {
  const { stores } = parts.context;
  if (request.label === "unknown") {
    throw flvError("FLV_INVALID_REQUEST", `objects of type "${request.unknownLabel}" cannot be watched`);
  }
  const { label } = request;
  switch (label) {
    case "Topic":
      return opened(stores.topics.watch(), (batch) => ({ label, body: body(batch) }));
    case "Partition":
      return opened(stores.partitions.watch(), (batch) => ({ label, body: body(batch) }));
    case "SPU":
      return opened(stores.spus.watch(), (batch) => ({ label, body: body(batch) }));
    case "SpuGroup":
      return opened(stores.spuGroups.watch(), (batch) => ({ label, body: body(batch) }));
    case "TableFormat":
      return opened(stores.tableFormats.watch(), (batch) => ({ label, body: body(batch) }));
    case "SmartModule": {
      const { summary } = request.body;
      const present = (object: MetadataOf<"SmartModule">) => parts.smartModules.present(object, summary);
      return opened(stores.smartModules.watch(), (batch) => ({ label, body: body(batch, present) }));
    }
    case "ManagedConnector":
      return opened(stores.connectors.watch(), (batch) => ({ label, body: body(batch) }));
  }
}

function opened<L extends ObjectLabel>(
  objects: ObjectWatch<L>,
  respond: (batch: WatchBatch<L>) => WatchResponseInput,
): ClientWatch {
  return { next: async (signal) => respond(await objects.next(signal)), close: () => objects.close() };
}

function body<L extends ObjectLabel>(
  { epoch, all, changes }: WatchBatch<L>,
  present: (object: MetadataOf<L>) => MetadataOf<L> = (object) => object,
) {
  return {
    epoch,
    all: all.map(present),
    changes: changes.map(({ type, object }) => ({ message: type, object: present(object) })),
  };
}
