/** Bounds of one SPU. What crosses one is refused with an error that names it; nothing is ever bounded by memory alone. */
export interface SpuLimits {
  /** Live streams of one connection. */
  readonly streamsPerConnectionMax: number;
  /** Largest reply of a fetch, whatever `max_bytes` the client asks for (one batch larger than this is still sent). */
  readonly fetchBytesMax: number;
  /** Largest batch that is stored. */
  readonly batchBytesMax: number;
  /** Stored bytes fed to a SmartModule chain in one step. */
  readonly chainReadBytes: number;
  /** Input of a chain without a surviving record after which the client is told how far the stream is. */
  readonly chainSilentBytesMax: number;
  /** A SmartModule's size after decompression. */
  readonly smartModuleBytesMax: number;
  /** Stored bytes that a look_back may read. */
  readonly lookbackBytesMax: number;
  /** What the aggregates of one chain may keep in the cluster. */
  readonly stateBytesMax: number;
  /** Longest wait for an answer of the SC. */
  readonly scTimeoutMs: number;
}

export const SPU_LIMITS_DEFAULT: SpuLimits = {
  streamsPerConnectionMax: 1024,
  fetchBytesMax: 32 * 1024 * 1024,
  // the original's bound, which clients know (error 10)
  batchBytesMax: 33_554_432,
  chainReadBytes: 1024 * 1024,
  chainSilentBytesMax: 64 * 1024 * 1024,
  smartModuleBytesMax: 128 * 1024 * 1024,
  lookbackBytesMax: 64 * 1024 * 1024,
  stateBytesMax: 8 * 1024 * 1024,
  scTimeoutMs: 30_000,
};
