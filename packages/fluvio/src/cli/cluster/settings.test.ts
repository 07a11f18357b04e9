import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Io } from "../io.ts";
import { defaultSettings, gatewayEndpoint, readSettings, settingsPath, writeSettings } from "./settings.ts";

let baseDir = "";
beforeAll(async () => {
  baseDir = await mkdtemp(join(tmpdir(), "fluvio-settings-"));
});
afterAll(() => rm(baseDir, { recursive: true, force: true }));

// of everything that a command may touch, settings only use the folder
const io = () => ({ baseDir }) as Io;

describe("the address of the gateway", () => {
  it("is kept with the other settings, as is that there is none", async () => {
    const settings = defaultSettings(io(), "0.1.0");
    expect(gatewayEndpoint(settings)).toEqual({ host: "localhost", port: 9080 });
    await writeSettings(io(), { ...settings, gateway_addr: "[::1]:9180" });
    expect(gatewayEndpoint((await readSettings(io())) ?? settings)).toEqual({ host: "::1", port: 9180 });
    await writeSettings(io(), { ...settings, gateway_addr: "off" });
    expect(gatewayEndpoint((await readSettings(io())) ?? settings)).toBeUndefined();
  });

  it("is the default where a release without a gateway wrote the settings", async () => {
    await writeSettings(io(), defaultSettings(io(), "0.1.0"));
    const written = await readFile(settingsPath(io()), "utf8");
    await writeFile(settingsPath(io()), written.replace(/^gateway_addr.*\n/m, ""));
    expect((await readSettings(io()))?.gateway_addr).toBe("localhost:9080");
  });

  it.each(['"nonsense"', "9080"])("that cannot be one is said: %s", async (value) => {
    await writeSettings(io(), defaultSettings(io(), "0.1.0"));
    const written = await readFile(settingsPath(io()), "utf8");
    await writeFile(settingsPath(io()), written.replace(/^gateway_addr.*$/m, `gateway_addr = ${value}`));
    await expect(readSettings(io())).rejects.toMatchObject({
      code: "FLV_CONFIG",
      message: expect.stringContaining("gateway_addr is no HOST:PORT"),
    });
  });
});
