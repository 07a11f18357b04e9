import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { freePort } from "../../free-port.ts";
import type { Certificates } from "./certificates.ts";
import { listening, Service } from "./service.ts";

export interface NatsServer {
  readonly service: Service;
  readonly url: string;
  /** Over WebSocket; `wss` where there is `tls`. */
  readonly webUrl: string;
}

export interface NatsServerOptions {
  /** A block of the server's configuration: who is let in. */
  readonly authorization?: string;
  /** Further lines of the server's configuration. */
  readonly lines?: readonly string[];
  readonly tls?: Certificates;
}

/** A NATS server with JetStream; what it stores outlasts a kill. */
export async function startNats(folder: string, name: string, options: NatsServerOptions = {}): Promise<NatsServer> {
  const home = join(folder, name);
  await mkdir(home, { recursive: true });
  const [port, webPort] = [await freePort(), await freePort()];
  const { authorization, lines = [], tls } = options;
  const secured =
    tls === undefined
      ? undefined
      : `tls { cert_file: "${tls.serverCert}", key_file: "${tls.serverKey}", ca_file: "${tls.ca}", verify: true }`;
  await writeFile(
    join(home, "nats.conf"),
    [
      `listen: "127.0.0.1:${port}"`,
      `jetstream { store_dir: "${home}" }`,
      ...(authorization === undefined ? [] : [`authorization { ${authorization} }`]),
      ...(secured === undefined ? [] : [secured]),
      `websocket { listen: "127.0.0.1:${webPort}", ${secured ?? "no_tls: true"} }`,
      ...lines,
      "",
    ].join("\n"),
  );
  const service = await Service.start({
    name: "nats-server",
    command: "nats-server",
    args: ["-c", join(home, "nats.conf")],
    ready: () => listening(port),
  });
  const webUrl = `${tls === undefined ? "ws" : "wss"}://127.0.0.1:${webPort}`;
  return { service, url: `nats://127.0.0.1:${port}`, webUrl };
}
