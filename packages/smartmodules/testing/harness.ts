/** Runs the official SmartModules in the real engine, for tests. */
import { readFile } from "node:fs/promises";
import { compileLibrary } from "../../../scripts/lib/smartmodules.mjs";
import { decodeRecords, encodeRecords, isFluvioError } from "../../fluvio/src/protocol/index.ts";
import {
  createSmartEngine,
  type Lookback,
  type SmartChain,
  type SmartEngine,
} from "../../fluvio/src/smartengine/index.ts";
import { wrapSection } from "../../fluvio/src/smartengine/testing/batches.ts";

const ENCODER = new TextEncoder();
const DECODER = new TextDecoder();
/** Records are a millisecond apart from here, if they are not given a time. */
const FIRST_TIME_MS = 1_700_000_000_000;

export interface TestRecord {
  readonly key?: string | Uint8Array;
  readonly value: string | Uint8Array;
  /** Milliseconds after {@link FIRST_TIME_MS}. */
  readonly atMs?: number;
}

export interface Result {
  readonly values: readonly string[];
  readonly keys: readonly (string | undefined)[];
  readonly bytes: readonly Uint8Array[];
  /** The message of the user error, and the value of its record. */
  readonly error: string | undefined;
  readonly errorValue: string | undefined;
}

export interface ModuleUse {
  readonly params?: Readonly<Record<string, string>>;
  readonly lookback?: Lookback;
  readonly accumulator?: string;
}

/** One module of the library, compiled, with an engine of its own. */
export class ModuleUnderTest implements AsyncDisposable {
  private readonly engine: SmartEngine = createSmartEngine({});
  private readonly name: string;
  private compiled: Promise<Uint8Array> | undefined;

  constructor(name: string) {
    this.name = name;
  }

  wasm(): Promise<Uint8Array> {
    this.compiled ??= compileLibrary([this.name]).then((files) => readFile(files.get(this.name) as string));
    return this.compiled;
  }

  /** A chain of this module alone; state lasts as long as it. */
  async chain(use: ModuleUse = {}): Promise<SmartChain> {
    const { params = {}, lookback, accumulator } = use;
    return await this.engine.chain([
      {
        name: this.name,
        wasm: await this.wasm(),
        params: new Map(Object.entries(params)),
        ...(lookback !== undefined && { lookback }),
        ...(accumulator !== undefined && { accumulator: ENCODER.encode(accumulator) }),
      },
    ]);
  }

  /** What the module makes of records; texts are records without a key. */
  async run(params: Readonly<Record<string, string>>, records: readonly (TestRecord | string)[], accumulator?: string) {
    await using chain = await this.chain({ params, ...(accumulator !== undefined && { accumulator }) });
    return await feed(chain, records);
  }

  /** What `init` says to parameters, or undefined when it takes them. */
  async refusal(params: Readonly<Record<string, string>>): Promise<string | undefined> {
    try {
      await using _chain = await this.chain({ params });
      return undefined;
    } catch (error) {
      if (!isFluvioError(error)) throw error;
      return error.message;
    }
  }

  /** Linear memory of the chains of the module now. */
  async memoryBytes(): Promise<number> {
    return this.engine.totals().reduce((sum, { memoryBytes }) => sum + memoryBytes, 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.engine[Symbol.asyncDispose]();
  }
}

/** Feeds records to a chain in one batch. */
export async function feed(chain: SmartChain, records: readonly (TestRecord | string)[]): Promise<Result> {
  const { records: section, error } = await chain.processRecords(sectionOf(records), FIRST_TIME_MS);
  const made = decodeRecords(section);
  return {
    values: made.map(({ value }) => DECODER.decode(value)),
    keys: made.map(({ key }) => (key === undefined ? undefined : DECODER.decode(key))),
    bytes: made.map(({ value }) => value),
    error: error?.hint,
    errorValue: error === undefined ? undefined : DECODER.decode(error.value),
  };
}

/** Feeds stored records to the look_back of the only module of a chain. */
export async function remember(chain: SmartChain, records: readonly (TestRecord | string)[]): Promise<void> {
  const batch = wrapSection(sectionOf(records), records.length, { firstTimestampMs: FIRST_TIME_MS });
  await chain.lookBack(0, [batch], 0);
}

function sectionOf(records: readonly (TestRecord | string)[]): Uint8Array {
  return encodeRecords(
    records.map((record, index) => {
      const { key, value, atMs = index } = typeof record === "string" ? { value: record } : record;
      return {
        timestampDelta: atMs,
        offsetDelta: index,
        key: key === undefined ? undefined : bytesOf(key),
        value: bytesOf(value),
      };
    }),
  );
}

function bytesOf(given: string | Uint8Array): Uint8Array {
  return typeof given === "string" ? ENCODER.encode(given) : given;
}
