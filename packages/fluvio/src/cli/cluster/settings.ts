import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { parse, stringify } from "smol-toml";
import { parseDurationMs } from "../../client/index.ts";
import { flvError, SC_PUBLIC_PORT_DEFAULT, SPU_PORT_STEP, SPU_PUBLIC_PORT_DEFAULT } from "../../protocol/index.ts";
import type { Io } from "../io.ts";
import { type Endpoint, endpoint } from "./endpoint.ts";
import { ENGINE_SETTINGS, type EngineSettings } from "./engine-limits.ts";
import { isTlsFiles, type TlsFiles } from "./tls.ts";

/** How the local cluster was started last, kept in `local-config` so that the next start does the same. */
export interface ClusterSettings extends EngineSettings {
  /** Version of the program that started the cluster last. */
  readonly version: string;
  readonly data_dir: string;
  readonly log_dir: string;
  readonly sc_host: string;
  readonly sc_port: number;
  readonly spus: number;
  readonly spu_base_port: number;
  /** `always`, `os`, or a time such as `100ms`. */
  readonly flush: string;
  readonly rust_log: string;
  /** `host:port` of the HTTP gateway, or `off`. */
  readonly gateway_addr: string;
  readonly tls?: TlsFiles | undefined;
}

const TEXTS = ["version", "data_dir", "log_dir", "sc_host", "flush", "rust_log"] as const;
const NUMBERS = ["sc_port", "spus", "spu_base_port"] as const;

/** In the place of an address: no gateway. */
export const GATEWAY_OFF = "off";
const SC_HOST_DEFAULT = "127.0.0.1";
export const GATEWAY_ADDR_DEFAULT = "localhost:9080";

export function settingsPath(io: Io): string {
  return join(io.baseDir, "local-config");
}

export function defaultSettings(io: Io, version: string): ClusterSettings {
  return {
    version,
    data_dir: resolve(io.baseDir, "data"),
    log_dir: resolve(io.baseDir, "log"),
    sc_host: SC_HOST_DEFAULT,
    sc_port: SC_PUBLIC_PORT_DEFAULT,
    spus: 1,
    spu_base_port: SPU_PUBLIC_PORT_DEFAULT,
    flush: "always",
    rust_log: "info",
    gateway_addr: GATEWAY_ADDR_DEFAULT,
  };
}

/** The kept settings; nothing when no cluster was ever started here. @throws FLV_CONFIG when the file cannot be used */
export async function readSettings(io: Io): Promise<ClusterSettings | undefined> {
  const path = settingsPath(io);
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw unusable(path, cause);
  }
  try {
    return checked(parse(text));
  } catch (cause) {
    throw unusable(path, cause);
  }
}

/** By hand, as a schema library would take longer to load than the file to read. @throws with the key that is wrong */
function checked(file: Readonly<Record<string, unknown>>): ClusterSettings {
  const wrong =
    TEXTS.find((key) => typeof file[key] !== "string") ?? NUMBERS.find((key) => !Number.isSafeInteger(file[key]));
  if (wrong !== undefined) throw new Error(`${wrong} is ${file[wrong] === undefined ? "missing" : "not as expected"}`);
  if (file.tls !== undefined && !isTlsFiles(file.tls)) throw new Error("tls lacks a path");
  const { gateway_addr = GATEWAY_ADDR_DEFAULT } = file;
  if (typeof gateway_addr !== "string" || !isGatewayAddr(gateway_addr)) throw new Error("gateway_addr is no HOST:PORT");
  // releases before the gateway did not write it
  const settings = { ...file, gateway_addr } as unknown as ClusterSettings;
  const limit = ENGINE_SETTINGS.find((key) => file[key] !== undefined && !(Number(file[key]) >= 1));
  if (limit !== undefined) throw new Error(`${limit} is not at least 1`);
  if (settings.spus < 1) throw new Error("spus is not at least 1");
  return settings;
}

function isGatewayAddr(text: string): boolean {
  try {
    return text === GATEWAY_OFF || endpoint(text) !== undefined;
  } catch {
    return false;
  }
}

function unusable(path: string, cause: unknown): Error {
  return flvError(
    "FLV_CONFIG",
    `The settings of the local cluster in ${path} cannot be read: ${(cause as Error).message}`,
    {
      hint: "delete this file and give the options to `fluvio cluster start` again; the data is elsewhere",
      details: { path },
      cause,
    },
  );
}

export async function writeSettings(io: Io, settings: ClusterSettings): Promise<void> {
  const path = settingsPath(io);
  const draft = `${path}.${process.pid}.new`;
  await mkdir(dirname(path), { recursive: true });
  await writeFile(draft, stringify(settings));
  await rename(draft, path);
}

export async function removeSettings(io: Io): Promise<void> {
  await rm(settingsPath(io), { force: true });
}

export const scAddress = (settings: ClusterSettings): string => `${settings.sc_host}:${settings.sc_port}`;

/** Public port of each SPU, in the order of their ids. */
export function spuPorts(settings: ClusterSettings): readonly number[] {
  return Array.from({ length: settings.spus }, (_, index) => settings.spu_base_port + SPU_PORT_STEP * index);
}

/** Where the HTTP gateway listens; nothing when it is left out. */
export function gatewayEndpoint({ gateway_addr }: ClusterSettings): Endpoint | undefined {
  return gateway_addr === GATEWAY_OFF ? undefined : endpoint(gateway_addr);
}

/** Log of the cluster process. */
export const clusterLogPath = (settings: ClusterSettings): string => join(settings.log_dir, "cluster.log");

/** When acknowledged records are on disk. @throws FLV_ARGUMENT for what is neither `always` nor `os` nor a time */
export function flushMode(text: string): "always" | "os" | { readonly everyMs: number } {
  if (text === "always" || text === "os") return text;
  const everyMs = parseDurationMs(text);
  if (everyMs >= 1) return { everyMs };
  throw flvError("FLV_ARGUMENT", `invalid flush mode "${text}": shorter than 1ms`, {
    hint: "write always to sync every append",
  });
}
