import { AggregateModules, decode, encode, schema } from "../../protocol/index.ts";
import type { ChainState } from "../../smartengine/index.ts";
import type { AggregateStateEntry, AggregateStateKey } from "../link.ts";
import type { KeyedChange, KeyedRecords } from "./keyed-log.ts";

const { bytes, i64, nothing, string, struct, u32, union } = schema;

const Key = struct({ name: string, topic: string, partition: u32 });
const Value = struct({ offset: i64, modifiedTimeMs: i64, modules: bytes });
const Change = union("aggregate state record", {
  update: [0, struct({ key: Key, value: Value })],
  delete: [1, Key],
  checkpoint: [2, nothing],
});

const VERSION = 0;

type AggregateStateChange = KeyedChange<AggregateStateEntry, AggregateStateKey>;

function encodeChange(change: AggregateStateChange): Uint8Array {
  switch (change.type) {
    case "update":
      return encode(Change, { type: "update", key: change.entry, value: change.entry }, VERSION);
    case "delete":
      return encode(Change, { type: "delete", ...change.key }, VERSION);
    case "checkpoint":
      return encode(Change, { type: "checkpoint" }, VERSION);
  }
}

/** @throws FLV_DECODE */
function decodeChange(record: Uint8Array): AggregateStateChange {
  const change = decode(Change, record, VERSION);
  switch (change.type) {
    case "update": {
      const { key, value } = change;
      return { type: "update", entry: { ...key, ...value, modules: value.modules.slice() } };
    }
    case "delete":
      return { type: "delete", key: { name: change.name, topic: change.topic, partition: change.partition } };
    case "checkpoint":
      return { type: "checkpoint" };
  }
}

/** The records of the system topic that keeps states of aggregates. */
export const AGGREGATE_STATE_RECORDS: KeyedRecords<AggregateStateEntry, AggregateStateKey> = {
  what: "states of aggregates",
  // a slash is in no name of a topic, and the state's own name comes last
  keyText: ({ name, topic, partition }) => `${topic}/${partition}/${name}`,
  encode: encodeChange,
  decode: decodeChange,
};

/** What a chain's aggregates remember, to be kept. `names` of the steps' modules. */
export function encodeModules(state: ChainState, names: readonly string[]): Uint8Array {
  const modules = [...state].map(([step, remembered]) => ({ step, module: names[step] ?? "", ...remembered }));
  return encode(AggregateModules, modules, VERSION);
}

/** For a chain to go on with. @throws FLV_DECODE */
export function chainStateOf(modules: Uint8Array): ChainState {
  return new Map(
    decode(AggregateModules, modules, VERSION).map(({ step, accumulator, windows, watermarkMs }) => [
      step,
      { accumulator, windows, watermarkMs },
    ]),
  );
}
