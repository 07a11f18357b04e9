import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePort } from "../../free-port.ts";
import { listening, Service } from "./service.ts";

/** A web server that can be killed and frozen. */
export interface Web {
  readonly service: Service;
  readonly port: number;
  /** What it was sent, in order. */
  lines(): Promise<string[]>;
}

export async function startWeb(folder: string): Promise<Web> {
  const port = await freePort();
  const file = join(folder, `web-${port}.txt`);
  await writeFile(file, "");
  const script = fileURLToPath(new URL("./web/server.mjs", import.meta.url));
  const service = await Service.start({
    name: "web server",
    command: process.execPath,
    args: [script, String(port), file],
    ready: () => listening(port),
  });
  return {
    service,
    port,
    lines: async () => (await readFile(file, "utf8")).split("\n").filter((line) => line !== ""),
  };
}
