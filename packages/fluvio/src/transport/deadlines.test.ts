import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Deadlines } from "./deadlines.ts";

// real time may pass between two that are set one after the other
beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("deadlines", () => {
  it("expire in order of time, whatever the order they were set in, each once", () => {
    const deadlines = new Deadlines();
    const expired: number[] = [];
    for (const [id, timeoutMs] of [40, 10, 70, 25].entries()) {
      deadlines.set(id, timeoutMs, () => expired.push(timeoutMs));
    }
    vi.advanceTimersByTime(39);
    expect(expired).toEqual([10, 25]);
    vi.advanceTimersByTime(1000);
    expect(expired).toEqual([10, 25, 40, 70]);
  });

  it("that are all due when the timer comes late expire in order of time too", () => {
    const deadlines = new Deadlines();
    const expired: number[] = [];
    deadlines.set(1, 40, () => expired.push(40));
    deadlines.set(2, 10, () => expired.push(10));
    const nowMs = performance.now();
    const late = vi.spyOn(performance, "now").mockImplementation(() => nowMs + 1000);
    vi.advanceTimersByTime(10);
    late.mockRestore();
    expect(expired).toEqual([10, 40]);
  });

  it("do not expire when deleted, not even at the moment they were all due", () => {
    const deadlines = new Deadlines();
    const expired: number[] = [];
    for (const id of [1, 2]) deadlines.set(id, 10, () => expired.push(id));
    deadlines.delete(1);
    vi.advanceTimersByTime(1000);
    expect(expired).toEqual([2]);
  });
});
