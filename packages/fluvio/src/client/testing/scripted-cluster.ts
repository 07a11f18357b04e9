import {
  type Api,
  apiVersionsApi,
  encode,
  type FetchablePartitionResponse,
  fetchOffsetsApi,
  listApi,
  NO_ERROR,
  type PartitionProduceResponse,
  PLATFORM_VERSION,
  type ProduceRequest,
  produceApi,
  Reader,
  SC_API_VERSIONS,
  SPU_API_VERSIONS,
  type StreamFetchRequest,
  schema,
  streamFetchApi,
  updateOffsetsApi,
  watchApi,
  wireError,
} from "../../protocol/index.ts";
import { type FrameServer, memoryTransport, type RequestHeader, type ServerConnection } from "../../transport/index.ts";
import { emptyConfig } from "../config.ts";
import { Fluvio, type FluvioConnectOptions } from "../fluvio.ts";

const SPU_ID = 5001;

/** One reply of a stream; what is absent is empty. */
export type ScriptedReply = Partial<FetchablePartitionResponse>;

/** What the SPU does. Every function sees requests in order. */
export interface Script {
  readonly offsets?: { readonly startOffset: number; readonly endOffset: number };
  /** Whether to refuse a question about offsets: this SPU is no leader (yet). */
  isNotLeader?(): boolean;
  /** First replies of a stream. */
  onStream?(request: StreamFetchRequest, connection: ServerConnection): readonly ScriptedReply[];
  /** Replies to an acknowledgement. */
  onAck?(offset: number, connection: ServerConnection): readonly ScriptedReply[];
  /** Results by entry; `undefined` leaves the request without a reply. */
  onProduce?(
    request: ProduceRequest,
    connection: ServerConnection,
  ): readonly Partial<PartitionProduceResponse>[] | undefined;
}

/** A cluster in memory with one topic `scripted` of one partition, that says exactly what it is told to say. */
export class ScriptedCluster {
  readonly #transport = memoryTransport();
  readonly #script: Script;
  #sc: FrameServer | undefined;
  #spu: FrameServer | undefined;
  platformVersion = PLATFORM_VERSION;
  readonly #streams = new Map<ServerConnection, { header: RequestHeader; streamId: number }>();
  readonly acks: number[] = [];
  /** Called when the SC has hung up at a request that it does not know. */
  onUnknown: () => Promise<void> | undefined = () => undefined;

  constructor(script: Script) {
    this.#script = script;
  }

  async start(): Promise<void> {
    const host = "memory";
    this.#spu = await this.#transport.serve({ host, port: 0, handle: (...call) => this.#spuCall(...call) });
    this.#sc = await this.#transport.serve({ host, port: 0, handle: (...call) => this.#scCall(...call) });
  }

  get scConnections(): number {
    return this.#sc?.connectionCount ?? 0;
  }

  connect(options: FluvioConnectOptions = {}): Promise<Fluvio> {
    return Fluvio.connect({
      address: `memory:${this.#sc?.port}`,
      platform: {
        connect: this.#transport.connect,
        readConfig: async () => emptyConfig(),
        tlsOptionsOf: async () => ({ policy: "disabled" }),
        smartEngine: () => Promise.reject(new Error("no SmartModules here")),
        manyListeners: () => {},
        warn: () => {},
      },
      ...options,
    });
  }

  async close(): Promise<void> {
    await this.#sc?.close();
    await this.#spu?.close();
  }

  #answer<Req, ReqIn, Res, ResIn>(
    connection: ServerConnection,
    api: Api<Req, ReqIn, Res, ResIn>,
    header: RequestHeader,
    body: ResIn,
  ): void {
    void connection.send([encode(schema.i32, header.correlationId, 0), encode(api.response, body, header.apiVersion)]);
  }

  #scCall(header: RequestHeader, body: Uint8Array, connection: ServerConnection): void {
    const reader = new Reader(body);
    if (header.apiKey === apiVersionsApi.key) {
      const { platformVersion } = this;
      this.#answer(connection, apiVersionsApi, header, {
        errorCode: NO_ERROR,
        apiKeys: SC_API_VERSIONS,
        platformVersion,
      });
    } else if (header.apiKey === watchApi.key) {
      const { label } = watchApi.request.read(reader, header.apiVersion);
      const body = { epoch: 1, changes: [] };
      if (label === "Topic") this.#answer(connection, watchApi, header, { label, body: { ...body, all: [topic()] } });
      if (label === "Partition") {
        this.#answer(connection, watchApi, header, { label, body: { ...body, all: [partition()] } });
      }
      if (label === "SPU") {
        this.#answer(connection, watchApi, header, { label, body: { ...body, all: [spu(this.#spu?.port ?? 0)] } });
      }
    } else if (header.apiKey === listApi.key) {
      this.#answer(connection, listApi, header, { label: "Topic", body: [] });
    } else {
      connection.close();
      void this.onUnknown();
    }
  }

  #spuCall(header: RequestHeader, body: Uint8Array, connection: ServerConnection): void {
    const reader = new Reader(body);
    switch (header.apiKey) {
      case apiVersionsApi.key:
        this.#answer(connection, apiVersionsApi, header, {
          errorCode: NO_ERROR,
          apiKeys: SPU_API_VERSIONS,
          platformVersion: "0.0.0",
        });
        return;
      case fetchOffsetsApi.key: {
        const { startOffset, endOffset } = this.#script.offsets ?? { startOffset: 0, endOffset: 0 };
        const errorCode = this.#script.isNotLeader?.() ? wireError("PartitionNotLeader") : NO_ERROR;
        const found = { errorCode, partitionIndex: 0, startOffset, lastStableOffset: endOffset };
        this.#answer(connection, fetchOffsetsApi, header, { topics: [{ name: "scripted", partitions: [found] }] });
        return;
      }
      case streamFetchApi.key: {
        const stream = { header, streamId: (this.#streams.get(connection)?.streamId ?? 0) + 1 };
        this.#streams.set(connection, stream);
        const request = streamFetchApi.request.read(reader, header.apiVersion);
        this.#stream(connection, this.#script.onStream?.(request, connection) ?? []);
        return;
      }
      case updateOffsetsApi.key: {
        const { offsets } = updateOffsetsApi.request.read(reader, header.apiVersion);
        const status = offsets.map(({ sessionId }) => ({ sessionId, error: NO_ERROR }));
        this.#answer(connection, updateOffsetsApi, header, { status });
        for (const { offset } of offsets) {
          this.acks.push(offset);
          this.#stream(connection, this.#script.onAck?.(offset, connection) ?? []);
        }
        return;
      }
      default:
        this.#produce(header, reader, connection);
    }
  }

  #stream(connection: ServerConnection, replies: readonly ScriptedReply[]): void {
    const stream = this.#streams.get(connection);
    if (stream === undefined) return;
    for (const reply of replies) {
      this.#answer(connection, streamFetchApi, stream.header, {
        topic: "scripted",
        streamId: stream.streamId,
        partition: {
          partitionIndex: 0,
          errorCode: NO_ERROR,
          highWatermark: 0,
          nextFilterOffset: 0,
          logStartOffset: 0,
          records: new Uint8Array(0),
          ...reply,
        },
      });
    }
  }

  #produce(header: RequestHeader, reader: Reader, connection: ServerConnection): void {
    const request = produceApi.request.read(reader, header.apiVersion);
    const results = this.#script.onProduce?.(request, connection);
    if (results === undefined) return;
    const partitions = results.map((result) => ({ partitionIndex: 0, errorCode: NO_ERROR, baseOffset: 0, ...result }));
    this.#answer(connection, produceApi, header, { responses: [{ name: "scripted", partitions }] });
  }
}

function topic() {
  return {
    name: "scripted",
    spec: {
      replicas: { type: "computed", partitions: 1, replicationFactor: 1, ignoreRackAssignment: false },
      compressionType: "any",
    },
    status: { resolution: "provisioned", replicaMap: new Map([[0, [SPU_ID]]]), reason: "" },
  } as const;
}

function partition() {
  const leader = { spu: SPU_ID, hw: 0, leo: 0 };
  return {
    name: "scripted-0",
    spec: { leader: SPU_ID, replicas: [SPU_ID], compressionType: "any" },
    status: { resolution: "online", leader, lsr: 0, replicas: [], size: 0, isBeingDeleted: false },
  } as const;
}

function spu(port: number) {
  return {
    name: "custom-spu-5001",
    spec: {
      id: SPU_ID,
      spuType: "custom",
      publicEndpoint: { port, ingress: [{ hostname: "memory", ip: undefined }], encryption: "plaintext" },
      privateEndpoint: { port: 1, host: "memory", encryption: "plaintext" },
    },
    status: { resolution: "online" },
  } as const;
}
