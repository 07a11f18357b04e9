import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { freePort } from "../../free-port.ts";
import { type Certificates, makeCertificates } from "./certificates.ts";
import { listening, Service } from "./service.ts";

export interface RedisServer {
  readonly service: Service;
  /** Everybody is let in. */
  readonly url: string;
  /** With a certificate of a client alone. */
  readonly tlsUrl: string;
  readonly certificates: Certificates;
}

/** A Redis server that writes every command to its disk before it answers. The user `ann` with `secret` may write `own:*`. */
export async function startRedis(folder: string): Promise<RedisServer> {
  const home = join(folder, "redis");
  await mkdir(home, { recursive: true });
  const [port, tlsPort] = [await freePort(), await freePort()];
  const certificates = await makeCertificates(home);
  await writeFile(
    join(home, "redis.conf"),
    [
      "bind 127.0.0.1",
      `port ${port}`,
      `tls-port ${tlsPort}`,
      `tls-ca-cert-file ${certificates.ca}`,
      `tls-cert-file ${certificates.serverCert}`,
      `tls-key-file ${certificates.serverKey}`,
      `dir ${home}`,
      "appendonly yes",
      "appendfsync always",
      'save ""',
      "user ann on >secret ~own:* &* +@all",
      "",
    ].join("\n"),
  );
  const service = await Service.start({
    name: "redis-server",
    command: "redis-server",
    args: [join(home, "redis.conf")],
    ready: () => listening(port),
  });
  return {
    service,
    url: `redis://127.0.0.1:${port}`,
    tlsUrl: `rediss://127.0.0.1:${tlsPort}`,
    certificates,
  };
}
