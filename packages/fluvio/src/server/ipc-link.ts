import type { LinkEnd, SpuToSc } from "./link.ts";

/** What a child process and its parent have in common: `process`, or a `ChildProcess`. */
export interface IpcChannel {
  send?(message: unknown, callback: (error: Error | null) => void): boolean;
  on(event: "message", listener: (message: unknown) => void): unknown;
  on(event: "disconnect", listener: () => void): unknown;
  disconnect?(): void;
  readonly connected?: boolean;
}

/**
 * One end of the SC-SPU link over the IPC channel of a child process, which must have been forked with
 * `serialization: "advanced"` (payloads are bytes). One message is on its way at a time; behind a slow reader, reports of
 * the same kind are merged, so that what waits stays bounded by the partitions and the requests in flight.
 */
export function ipcLink<Out extends { readonly type: string }, In>(channel: IpcChannel): LinkEnd<Out, In> {
  const waiting: Out[] = [];
  const early: In[] = [];
  const closeListeners: (() => void)[] = [];
  let listener: ((message: In) => void) | undefined;
  let sending = false;
  let closed = channel.connected === false;

  const closedByPeer = (): void => {
    if (closed) return;
    closed = true;
    waiting.length = 0;
    for (const next of closeListeners) next();
  };
  const pump = (): void => {
    const message = waiting.shift();
    if (message === undefined || closed || channel.send === undefined) return;
    sending = true;
    channel.send(message, (error) => {
      sending = false;
      if (error !== null && channel.connected === false) closedByPeer();
      else pump();
    });
  };
  channel.on("message", (message) => {
    if (listener === undefined) early.push(message as In);
    else listener(message as In);
  });
  channel.on("disconnect", closedByPeer);
  return {
    send: (message) => {
      if (closed) return;
      if (!mergeStatus(waiting, message)) waiting.push(message);
      if (!sending) pump();
    },
    onMessage: (next) => {
      listener = next;
      for (const message of early.splice(0)) next(message);
    },
    onClose: (next) => closeListeners.push(next),
    close: () => {
      if (closed) return;
      closed = true;
      if (channel.connected !== false) channel.disconnect?.();
    },
  };
}

/** Takes a status report into the one that waits last, if that is one too: the newest status of a partition counts. */
function mergeStatus(waiting: { readonly type: string }[], message: { readonly type: string }): boolean {
  const last = waiting.at(-1);
  if (!isStatus(last) || !isStatus(message)) return false;
  const byPartition = new Map(
    [...last.statuses, ...message.statuses].map((status) => [`${status.topic}/${status.partition}`, status]),
  );
  waiting[waiting.length - 1] = { type: "replicaStatus", statuses: [...byPartition.values()] } as StatusMessage;
  return true;
}

type StatusMessage = Extract<SpuToSc, { type: "replicaStatus" }>;

function isStatus(message: { readonly type: string } | undefined): message is StatusMessage {
  return message?.type === "replicaStatus";
}
