import { Duplex } from "node:stream";
import { flvError } from "../protocol/index.ts";
import { openConnection } from "./client-connection.ts";
import { ConnectionSet } from "./server-connection.ts";
import type { Connection, ConnectOptions, FrameServer, ServeOptions, Transport } from "./types.ts";

const FIRST_PORT = 20_000;

/** One end of a pipe in memory; bytes are copied on the way, as a network does. */
class MemoryEnd extends Duplex {
  peer: MemoryEnd | undefined;
  #resumeWriter: (() => void) | undefined;

  override _read(): void {
    const resume = this.#resumeWriter;
    this.#resumeWriter = undefined;
    resume?.();
  }

  override _write(chunk: Uint8Array, _encoding: string, done: () => void): void {
    const peer = this.peer as MemoryEnd;
    if (peer.destroyed) done();
    else if (peer.push(Buffer.from(chunk))) done();
    else peer.#resumeWriter = done;
  }

  override _final(done: () => void): void {
    if (!this.peer?.destroyed) this.peer?.push(null);
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    const peer = this.peer;
    queueMicrotask(() => {
      if (peer !== undefined && !peer.destroyed && !peer.readableEnded) peer.push(null);
    });
    done(error);
  }
}

/** Both ends of a byte pipe with backpressure. */
function memoryPipe(): readonly [Duplex, Duplex] {
  const left = new MemoryEnd({ allowHalfOpen: false });
  const right = new MemoryEnd({ allowHalfOpen: false });
  left.peer = right;
  right.peer = left;
  return [left, right];
}

/** A network of its own inside the process: hosts do not matter, ports are those served on it. TLS is ignored. */
export function memoryTransport(): Transport {
  const servers = new Map<number, ConnectionSet>();
  let nextPort = FIRST_PORT;
  return {
    serve: async (options) => memoryServer(servers, options.port === 0 ? nextPort++ : options.port, options),
    connect: async (options) => connectIn(servers, options),
  };
}

function memoryServer(servers: Map<number, ConnectionSet>, port: number, options: ServeOptions): FrameServer {
  if (servers.has(port)) {
    throw flvError("FLV_PORT_IN_USE", `port ${port} on ${options.host} is in use`, { details: { port } });
  }
  const connections = new ConnectionSet(options);
  servers.set(port, connections);
  const close = (drainMs = 0): Promise<void> => {
    if (servers.get(port) === connections) servers.delete(port);
    return connections.close(drainMs);
  };
  return {
    port,
    get connectionCount() {
      return connections.size;
    },
    close,
    [Symbol.asyncDispose]: () => close(),
  };
}

async function connectIn(servers: ReadonlyMap<number, ConnectionSet>, options: ConnectOptions): Promise<Connection> {
  options.signal?.throwIfAborted();
  const server = servers.get(options.port);
  if (server === undefined) {
    throw flvError(
      "FLV_CONNECT",
      `Socket io Connection refused (os error 111), can't connect to ${options.host}:${options.port}`,
      { details: { host: options.host, port: options.port }, retriable: true },
    );
  }
  const [ours, theirs] = memoryPipe();
  server.add(theirs, "memory");
  return openConnection(ours, options);
}
