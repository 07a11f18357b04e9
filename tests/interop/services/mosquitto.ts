import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { freePort } from "../../free-port.ts";
import { type Certificates, makeCertificates } from "./certificates.ts";
import { listening, Service } from "./service.ts";

const run = promisify(execFile);

/** An MQTT broker with a plain port, one for TLS with client certificates, and one for the user `ann` with `secret`. */
export interface Mosquitto {
  readonly service: Service;
  readonly url: string;
  readonly tlsUrl: string;
  /** Nobody is let in here without a password, and `ann` may write below `open/` alone. */
  readonly guardedUrl: string;
  readonly certificates: Certificates;
}

/** What is queued for sessions is kept on disk when the broker is stopped, not when it is killed. */
export async function startMosquitto(folder: string): Promise<Mosquitto> {
  const home = join(folder, "mosquitto");
  await mkdir(home, { recursive: true });
  const [port, tlsPort, guardedPort] = [await freePort(), await freePort(), await freePort()];
  const certificates = await makeCertificates(home);
  await run("mosquitto_passwd", ["-b", "-c", join(home, "passwords"), "ann", "secret"]);
  await writeFile(join(home, "rights"), "user ann\ntopic readwrite open/#\n");
  await writeFile(
    join(home, "mosquitto.conf"),
    [
      "per_listener_settings true",
      "user root",
      "persistence true",
      `persistence_location ${home}/`,
      "max_queued_messages 0",
      "max_packet_size 100000",
      `listener ${port} 127.0.0.1`,
      "allow_anonymous true",
      `listener ${tlsPort} 127.0.0.1`,
      "allow_anonymous true",
      `cafile ${certificates.ca}`,
      `certfile ${certificates.serverCert}`,
      `keyfile ${certificates.serverKey}`,
      "require_certificate true",
      `listener ${guardedPort} 127.0.0.1`,
      "allow_anonymous false",
      `password_file ${home}/passwords`,
      `acl_file ${home}/rights`,
      "",
    ].join("\n"),
  );
  const service = await Service.start({
    name: "mosquitto",
    command: "mosquitto",
    args: ["-c", join(home, "mosquitto.conf")],
    ready: () => listening(port),
  });
  const at = (scheme: string, number: number) => `${scheme}://127.0.0.1:${number}`;
  return {
    service,
    url: at("mqtt", port),
    tlsUrl: at("mqtts", tlsPort),
    guardedUrl: at("mqtt", guardedPort),
    certificates,
  };
}
