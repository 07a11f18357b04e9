import { describe, expect, it } from "vitest";
import { SyncPolicy } from "./sync-policy.ts";

const SMALL_BYTES = 300;

function policyAt(start: number) {
  const clock = { nowMs: start };
  const policy = new SyncPolicy(() => clock.nowMs);
  for (let i = 0; i < 20; i += 1) policy.note(0.2);
  return { clock, policy };
}

describe("blocking for small groups", () => {
  it("goes on after one slow sync among fast ones", () => {
    const { policy } = policyAt(1000);
    policy.note(8);
    expect(policy.mayWrite(SMALL_BYTES)).toBe(true);
  });

  it("pauses after a stall and after several slow syncs", () => {
    const stalled = policyAt(1000);
    stalled.policy.note(200);
    expect(stalled.policy.mayWrite(SMALL_BYTES)).toBe(false);
    const slow = policyAt(1000);
    for (let i = 0; i < 8; i += 1) slow.policy.note(4);
    expect(slow.policy.mayWriteAndSync(SMALL_BYTES)).toBe(false);
  });

  it("tries again after ever longer pauses while the disk stays slow, and forgets them when it is fast", () => {
    const { clock, policy } = policyAt(1000);
    const pauseMs = () => {
      const from = clock.nowMs;
      while (!policy.mayWrite(SMALL_BYTES)) clock.nowMs += 1;
      return clock.nowMs - from;
    };
    const pauses: number[] = [];
    for (let i = 0; i < 8; i += 1) {
      policy.note(20);
      pauses.push(pauseMs());
    }
    expect(pauses).toEqual([25, 50, 100, 200, 250, 250, 250, 250]);
    for (let i = 0; i < 20; i += 1) policy.note(0.2);
    policy.note(20);
    expect(pauseMs()).toBe(25);
  });

  it("leaves large groups to the background", () => {
    expect(policyAt(1000).policy.mayWrite(64 * 1024)).toBe(false);
  });
});
