import { decode, encode, type Infer, schema } from "../../protocol/index.ts";
import type { KeyedChange, KeyedRecords } from "./keyed-log.ts";

const { bytes, i64, string, struct, u64, union, nothing, u32 } = schema;

const Key = struct({ topic: string, partition: u32, consumerId: string });
const Value = struct({ offset: i64, modifiedTimeSeconds: u64 });
const Change = union("consumer offset record", {
  update: [0, struct({ key: bytes, value: bytes })],
  delete: [1, struct({ key: bytes })],
  checkpoint: [2, nothing],
});

export type ConsumerOffsetKey = Infer<typeof Key>;

/** A consumer's offset as it is kept. */
export interface ConsumerOffsetEntry extends ConsumerOffsetKey {
  /** Offset of the last record that was worked off. */
  readonly offset: number;
  /** Seconds since the epoch. */
  readonly modifiedTimeSeconds: number;
}

/** A record of the consumer offsets' topic. */
export type ConsumerOffsetChange = KeyedChange<ConsumerOffsetEntry, ConsumerOffsetKey>;

const VERSION = 0;

/** The record's value, in the original's layout. */
export function encodeChange(change: ConsumerOffsetChange): Uint8Array {
  switch (change.type) {
    case "update": {
      const key = encode(Key, change.entry, VERSION);
      const value = encode(Value, change.entry, VERSION);
      return encode(Change, { type: "update", key, value }, VERSION);
    }
    case "delete":
      return encode(Change, { type: "delete", key: encode(Key, change.key, VERSION) }, VERSION);
    case "checkpoint":
      return encode(Change, { type: "checkpoint" }, VERSION);
  }
}

/** @throws FLV_DECODE */
export function decodeChange(record: Uint8Array): ConsumerOffsetChange {
  const change = decode(Change, record, VERSION);
  switch (change.type) {
    case "update":
      return {
        type: "update",
        entry: { ...decode(Key, change.key, VERSION), ...decode(Value, change.value, VERSION) },
      };
    case "delete":
      return { type: "delete", key: decode(Key, change.key, VERSION) };
    case "checkpoint":
      return { type: "checkpoint" };
  }
}

export const CONSUMER_OFFSET_RECORDS: KeyedRecords<ConsumerOffsetEntry, ConsumerOffsetKey> = {
  what: "consumer offsets",
  keyText: ({ topic, partition, consumerId }) => `${topic}/${partition}/${consumerId}`,
  encode: encodeChange,
  decode: decodeChange,
};
