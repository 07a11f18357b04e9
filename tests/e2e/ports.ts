import { createServer } from "node:net";

/** A port that was free a moment ago; for commands that take a port and cannot report the one they chose. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("a TCP server has a port");
  await new Promise((closed) => server.close(closed));
  return address.port;
}
