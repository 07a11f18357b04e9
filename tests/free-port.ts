import { createSocket } from "node:dgram";
import { createServer } from "node:net";
import { pathToFileURL } from "node:url";

/**
 * Ports for programs that take a port and cannot report one they chose. Below the range from which systems give ports to
 * outgoing connections (32768 on Linux, 49152 elsewhere): a port from there may be taken again before it is used.
 */
const FIRST = 15_000;
const LAST = 32_000;
/** Distance of the ports of a cluster's SPUs. */
const STEP = 10;
const ATTEMPTS_MAX = 1000;

/**
 * The first of `count` ports, 10 apart, that nobody has at the moment. Nobody else is given them as long as this process
 * lives: it holds the UDP ports of their numbers.
 */
export async function freePort(count = 1): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const first = FIRST + Math.floor(Math.random() * (LAST - FIRST));
    const ports = Array.from({ length: count }, (_, index) => first + STEP * index);
    if (await reserve(ports)) return first;
  }
  throw new Error(`no ${count} free ports between ${FIRST} and ${LAST}`);
}

async function reserve(ports: readonly number[]): Promise<boolean> {
  for (const port of ports) if (!(await holdUdp(port)) || !(await isFree(port))) return false;
  return true;
}

function holdUdp(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket("udp4");
    socket.once("error", () => resolve(false));
    socket.bind({ port, address: "127.0.0.1", exclusive: true }, () => {
      socket.unref();
      resolve(true);
    });
  });
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
  });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) process.stdout.write(`${await freePort()}\n`);
