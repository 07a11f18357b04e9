import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  BatchBuilder,
  type BatchCompression,
  decodeBatch,
  type PartitionProduceResponse,
  produceApi,
  type SmartModuleInvocationInput,
  type StreamFetchRequestInput,
  type StreamFetchResponse,
  splitBatches,
  streamFetchApi,
  updateOffsetsApi,
  wireErrorNumber,
} from "../../../protocol/index.ts";
import { createSmartEngine, type EngineLimits } from "../../../smartengine/index.ts";
import { createLogEngine, type StorageEngine } from "../../../storage/index.ts";
import { type Connection, connect } from "../../../transport/index.ts";
import { linkPair } from "../../link.ts";
import { createSpu } from "../spu.ts";
import type { Spu, SpuOptions } from "../types.ts";
import { TestSc } from "./test-sc.ts";

export interface TestSpu extends AsyncDisposable {
  readonly spu: Spu;
  readonly sc: TestSc;
  readonly dataDir: string;
  connect(): Promise<Connection>;
  /** Closes the SPU, its engines and its logs; the data stays. */
  close(): Promise<void>;
  /** Closes it and starts another one on the same data. */
  restart(): Promise<TestSpu>;
}

export interface TestSpuOptions extends Partial<SpuOptions> {
  readonly dataDir?: string;
  readonly engineLimits?: Partial<EngineLimits>;
  readonly makeStorage?: (directory: string) => Promise<StorageEngine>;
}

const DECODER = new TextDecoder();
/** Modules may have to be compiled for it, and disks may be busy. */
const PRODUCE_TIMEOUT_MS = 60_000;

/** An SPU on a free port with a real log engine in a folder of its own, which goes with it. */
export async function startSpu(options: TestSpuOptions = {}): Promise<TestSpu> {
  const { dataDir: givenDir, engineLimits, makeStorage, ...spuOptions } = options;
  const dataDir = givenDir ?? (await mkdtemp(join(tmpdir(), "fluvio-spu-")));
  const storage = await (makeStorage?.(dataDir) ?? createLogEngine({ directory: dataDir }));
  const engine = createSmartEngine({ limits: engineLimits ?? {} });
  const pair = linkPair();
  const sc = new TestSc(pair.sc);
  const spu = await createSpu({ id: 5001, link: pair.spu, storage, engine, host: "127.0.0.1", port: 0, ...spuOptions });
  const connections: Connection[] = [];
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopping ??= (async () => {
      for (const connection of connections) connection.close();
      await spu.close();
      await engine[Symbol.asyncDispose]();
      await storage[Symbol.asyncDispose]();
    })();
    return stopping;
  };
  return {
    spu,
    sc,
    dataDir,
    connect: async () => {
      const connection = await connect({ host: "127.0.0.1", port: spu.port });
      connections.push(connection);
      return connection;
    },
    close: stop,
    restart: async () => {
      await stop();
      return startSpu({ ...options, dataDir });
    },
    [Symbol.asyncDispose]: async () => {
      await stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

export interface BatchOptions {
  readonly compression?: BatchCompression;
  readonly timestampMs?: number;
}

export function batchOf(values: readonly string[], options: BatchOptions = {}): Uint8Array {
  const builder = new BatchBuilder();
  if (values.length === 0) return new Uint8Array(0);
  for (const value of values) builder.append(undefined, Buffer.from(value), options.timestampMs ?? 1_700_000_000_000);
  return builder.build(options.compression);
}

export interface ProduceCall {
  readonly topic: string;
  readonly partition?: number;
  /** One entry of the request each. */
  readonly entries: readonly (Uint8Array | readonly Uint8Array[])[];
  readonly isolation?: "readUncommitted" | "readCommitted";
  readonly timeoutMs?: number;
  readonly smartmodules?: readonly SmartModuleInvocationInput[];
}

/** Produces and gives the results of the entries. */
export async function produceTo(
  connection: Connection,
  call: ProduceCall,
): Promise<readonly PartitionProduceResponse[]> {
  const answer = await connection.request(produceApi, {
    isolation: call.isolation ?? "readUncommitted",
    timeoutMs: call.timeoutMs ?? PRODUCE_TIMEOUT_MS,
    topics: [
      {
        name: call.topic,
        partitions: call.entries.map((records) => ({ partitionIndex: call.partition ?? 0, records })),
      },
    ],
    smartmodules: call.smartmodules ?? [],
  });
  return answer.responses[0]?.partitions ?? [];
}

/** Opens a stream; what is left out has the client's defaults. The reply that says only that SmartModules run is passed over. */
export function streamFrom(
  connection: Connection,
  request: Partial<StreamFetchRequestInput> & { readonly topic: string },
  signal?: AbortSignal,
): AsyncIterableIterator<StreamFetchResponse> {
  const replies = repliesFrom(connection, request, signal);
  const next = async (): Promise<IteratorResult<StreamFetchResponse>> => {
    const reply = await replies.next();
    return reply.done !== true && isGreeting(reply.value) ? await next() : reply;
  };
  const stream: AsyncIterableIterator<StreamFetchResponse> = {
    next,
    return: async () => (await replies.return?.()) ?? { done: true, value: undefined },
    [Symbol.asyncIterator]: () => stream,
  };
  return stream;
}

/** Whether a reply says only that the SmartModules of its stream run. */
export function isGreeting({ partition }: StreamFetchResponse): boolean {
  const { errorCode, nextFilterOffset, records } = partition;
  return errorCode.name === "None" && nextFilterOffset === 0 && records.length === 0;
}

/** Opens a stream and gives every reply of it. */
export function repliesFrom(
  connection: Connection,
  request: Partial<StreamFetchRequestInput> & { readonly topic: string },
  signal?: AbortSignal,
): AsyncIterableIterator<StreamFetchResponse> {
  return connection.stream(
    streamFetchApi,
    {
      partition: 0,
      fetchOffset: 0,
      maxBytes: 1_048_890,
      isolation: "readUncommitted",
      smartmodules: [],
      ...request,
    },
    signal === undefined ? {} : { signal },
  );
}

/** The next reply; an error when the stream is over. */
export async function nextReply(stream: AsyncIterator<StreamFetchResponse>): Promise<StreamFetchResponse> {
  const { done, value } = await stream.next();
  if (done === true) throw new Error("the stream is over");
  return value;
}

export async function acknowledge(connection: Connection, streamId: number, offset: number): Promise<string> {
  const { status } = await connection.request(updateOffsetsApi, { offsets: [{ offset, sessionId: streamId }] });
  return status[0]?.error.name ?? "";
}

/** What a client acknowledges after a reply. */
export function endOf(reply: StreamFetchResponse): number {
  if (reply.partition.nextFilterOffset > 0) return reply.partition.nextFilterOffset;
  const { batches, tailBytes } = splitBatches(reply.partition.records);
  if (tailBytes !== 0) throw new Error(`the reply ends with ${tailBytes} bytes of a batch`);
  const last = batches.at(-1);
  if (last === undefined) throw new Error("the reply has no batch");
  const view = new DataView(last.buffer, last.byteOffset);
  return Number(view.getBigInt64(0)) + view.getInt32(23) + 1;
}

export interface ReadRecord {
  readonly offset: number;
  readonly timestampMs: number;
  readonly value: string;
}

export function recordsOf(records: Uint8Array): ReadRecord[] {
  return splitBatches(records).batches.flatMap((batch) =>
    decodeBatch(batch).map(({ offset, timestampMs, value }) => ({ offset, timestampMs, value: DECODER.decode(value) })),
  );
}

/** Reads a stream, acknowledging every reply, until the records reach `endOffset`. */
export async function readUntil(
  connection: Connection,
  stream: AsyncIterator<StreamFetchResponse>,
  endOffset: number,
): Promise<ReadRecord[]> {
  const records: ReadRecord[] = [];
  for (;;) {
    const reply = await nextReply(stream);
    const { errorCode } = reply.partition;
    if (errorCode.name !== "None") throw new Error(`stream error ${errorCode.name} ${wireErrorNumber(errorCode.name)}`);
    records.push(...recordsOf(reply.partition.records));
    const end = endOf(reply);
    await acknowledge(connection, reply.streamId, end);
    if (end >= endOffset) return records;
  }
}
