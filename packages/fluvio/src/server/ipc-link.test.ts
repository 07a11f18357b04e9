import { describe, expect, it } from "vitest";
import { type IpcChannel, ipcLink } from "./ipc-link.ts";
import type { ReplicaStatus, ScToSpu, SpuToSc } from "./link.ts";

/** A channel whose reader takes a message only when told to. */
class SlowChannel implements IpcChannel {
  readonly taken: unknown[] = [];
  connected = true;
  private onMessage: (message: unknown) => void = () => {};
  private onDisconnect: () => void = () => {};
  private pending: (() => void) | undefined;

  send(message: unknown, callback: (error: Error | null) => void): boolean {
    this.pending = () => {
      this.taken.push(message);
      callback(null);
    };
    return false;
  }
  on(event: "message" | "disconnect", listener: (message?: unknown) => void): void {
    if (event === "message") this.onMessage = listener;
    else this.onDisconnect = listener;
  }
  disconnect(): void {
    this.connected = false;
    this.onDisconnect();
  }
  take(): boolean {
    const pending = this.pending;
    this.pending = undefined;
    pending?.();
    return pending !== undefined;
  }
  deliver(message: unknown): void {
    this.onMessage(message);
  }
}

function statusOf(topic: string, logEndOffset: number): ReplicaStatus {
  const rest = { online: true, logStartOffset: 0, highWatermark: 0, sizeBytes: 0, lastTimestampMs: undefined };
  return { topic, partition: 0, logEndOffset, problem: undefined, ...rest };
}

const report = (...statuses: ReplicaStatus[]): SpuToSc => ({ type: "replicaStatus", statuses });

describe("the link over IPC", () => {
  it("sends one message at a time and merges reports that wait", () => {
    const channel = new SlowChannel();
    const link = ipcLink<SpuToSc, ScToSpu>(channel);
    for (let end = 0; end < 1000; end++) link.send(report(statusOf("a", end)));
    link.send(report(statusOf("b", 7)));
    link.send({ type: "topicForgotten", topic: "gone" });
    link.send(report(statusOf("a", 2000)));
    while (channel.take());
    expect(channel.taken).toEqual([
      report(statusOf("a", 0)),
      report(statusOf("a", 999), statusOf("b", 7)),
      { type: "topicForgotten", topic: "gone" },
      report(statusOf("a", 2000)),
    ]);
  });

  it("keeps what comes before somebody listens", () => {
    const channel = new SlowChannel();
    const link = ipcLink<SpuToSc, ScToSpu>(channel);
    channel.deliver({ type: "topicDeleted", topic: "early" });
    const received: ScToSpu[] = [];
    link.onMessage((message) => received.push(message));
    channel.deliver({ type: "shutdown" });
    expect(received).toEqual([{ type: "topicDeleted", topic: "early" }, { type: "shutdown" }]);
  });

  it("tells once that the other end is gone, and sends nothing more", () => {
    const channel = new SlowChannel();
    const link = ipcLink<SpuToSc, ScToSpu>(channel);
    let closed = 0;
    link.onClose(() => closed++);
    channel.disconnect();
    channel.disconnect();
    link.send({ type: "topicForgotten", topic: "late" });
    expect(channel.take()).toBe(false);
    expect(closed).toBe(1);
  });

  it("does not tell the end that closed it", () => {
    const channel = new SlowChannel();
    const link = ipcLink<SpuToSc, ScToSpu>(channel);
    let closed = 0;
    link.onClose(() => closed++);
    link.close();
    expect({ closed, connected: channel.connected }).toEqual({ closed: 0, connected: false });
  });
});
