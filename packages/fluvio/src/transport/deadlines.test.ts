import { describe, expect, it } from "vitest";
import { Deadlines } from "./deadlines.ts";

describe("deadlines", () => {
  it("expire in order of time, whatever the order they were set in, each once", async () => {
    const deadlines = new Deadlines();
    const expired: number[] = [];
    await new Promise<void>((resolve) => {
      for (const [id, timeoutMs] of [40, 10, 70, 25].entries()) {
        deadlines.set(id, timeoutMs, () => {
          expired.push(timeoutMs);
          if (timeoutMs === 70) resolve();
        });
      }
    });
    expect(expired).toEqual([10, 25, 40, 70]);
  });

  it("do not expire when deleted, not even at the moment they were all due", async () => {
    const deadlines = new Deadlines();
    const expired: number[] = [];
    await new Promise<void>((resolve) => {
      deadlines.set(1, 10, () => expired.push(1));
      deadlines.set(2, 10, () => expired.push(2));
      deadlines.delete(1);
      deadlines.set(3, 20, () => resolve());
    });
    expect(expired).toEqual([2]);
  });
});
