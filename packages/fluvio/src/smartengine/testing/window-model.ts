import type { WindowOptions } from "../index.ts";

interface ModelRecord {
  readonly offset: number;
  readonly timestampMs: number;
  readonly value: string;
}

interface ModelWindow {
  sum: number;
  count: number;
}

/** Sums by window, one record after the other: what the engine's windows around a sum must come to. */
export class WindowModel {
  lateRecords = 0;
  private readonly options: WindowOptions;
  private readonly windows = new Map<number, ModelWindow>();
  private watermarkMs = Number.NEGATIVE_INFINITY;

  constructor(options: WindowOptions) {
    this.options = options;
  }

  /** Open windows by start: start, sum, records. */
  open(): readonly (readonly [number, string, number])[] {
    return this.starts().map((start) => {
      const { sum, count } = this.windows.get(start) as ModelWindow;
      return [start, String(sum), count] as const;
    });
  }

  private starts(): readonly number[] {
    return [...this.windows.keys()].sort((one, other) => one - other);
  }

  /** Takes a batch in, up to a record that is no number. */
  process(records: readonly ModelRecord[]) {
    const emitted: { key: string; value: string; offset: number; timestampMs: number }[] = [];
    for (const { offset, timestampMs, value } of records) {
      const watermarkMs = Math.max(this.watermarkMs, timestampMs);
      const { sizeMs, slideMs, graceMs } = this.options;
      const covering: number[] = [];
      for (let start = Math.floor(timestampMs / slideMs) * slideMs; start + sizeMs > timestampMs; start -= slideMs) {
        if (start + sizeMs + graceMs > watermarkMs) covering.push(start);
      }
      const number = Number.parseInt(value, 10);
      if (covering.length > 0 && Number.isNaN(number)) return { emitted, refusedOffset: offset };
      this.watermarkMs = watermarkMs;
      if (covering.length === 0) this.lateRecords += 1;
      for (const start of this.starts().filter((candidate) => candidate + sizeMs + graceMs <= watermarkMs)) {
        const end = start + sizeMs;
        emitted.push({ key: `${start}/${end}`, value: String(this.windows.get(start)?.sum), offset, timestampMs: end });
        this.windows.delete(start);
      }
      for (const start of covering) {
        const window = this.windows.get(start) ?? { sum: 0, count: 0 };
        this.windows.set(start, { sum: window.sum + number, count: window.count + 1 });
      }
    }
    return { emitted, refusedOffset: undefined };
  }
}
