/** How long a connector that is to end may take. A process that is told to stop has 15 s. */
export interface EndTimeouts {
  /** The own code of a source, milliseconds: it may still acknowledge what is stored. */
  readonly sourceMs: number;
  /** The own code of a sink: it has a write in hand. */
  readonly sinkMs: number;
  /** What a source has handed over, from the end of its code on. */
  readonly drainMs: number;
  /** The same, from when it was told to stop on. */
  readonly drainAfterStopMs: number;
}

export const END_TIMEOUTS_DEFAULT: EndTimeouts = {
  sourceMs: 9000,
  sinkMs: 12_000,
  drainMs: 10_000,
  drainAfterStopMs: 13_000,
};
