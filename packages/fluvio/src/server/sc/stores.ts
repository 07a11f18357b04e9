import type { Logger } from "../../protocol/index.ts";
import type { Clock } from "../clock.ts";
import type { MetadataStore } from "./metadata-store.ts";
import { ObjectStore } from "./object-store.ts";

/** Every object of the SC in memory. */
export interface Stores {
  readonly topics: ObjectStore<"Topic">;
  readonly partitions: ObjectStore<"Partition">;
  /** The cluster's own SPUs and the registered ones. */
  readonly spus: ObjectStore<"SPU">;
  readonly spuGroups: ObjectStore<"SpuGroup">;
  /** In summary form: payloads stay on disk. */
  readonly smartModules: ObjectStore<"SmartModule">;
  readonly tableFormats: ObjectStore<"TableFormat">;
  readonly mirrors: ObjectStore<"Mirror">;
  readonly connectors: ObjectStore<"ManagedConnector">;
}

/** What every part of the SC works with. */
export interface ScContext {
  readonly metadata: MetadataStore;
  readonly stores: Stores;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Reads everything but the SPUs, whose objects are made anew at each start. */
export function loadStores(metadata: MetadataStore): Stores {
  return {
    topics: new ObjectStore("Topic", metadata.load("Topic")),
    partitions: new ObjectStore("Partition", metadata.load("Partition")),
    spus: new ObjectStore("SPU"),
    spuGroups: new ObjectStore("SpuGroup", metadata.load("SpuGroup")),
    smartModules: new ObjectStore("SmartModule", metadata.load("SmartModule")),
    tableFormats: new ObjectStore("TableFormat", metadata.load("TableFormat")),
    mirrors: new ObjectStore("Mirror", metadata.load("Mirror")),
    connectors: new ObjectStore("ManagedConnector", metadata.load("ManagedConnector")),
  };
}
