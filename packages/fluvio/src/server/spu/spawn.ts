import { type ChildProcess, fork } from "node:child_process";
import { existsSync } from "node:fs";
import { flvError } from "../../protocol/index.ts";
import type { EngineLimits } from "../../smartengine/index.ts";
import type { FlushMode } from "../../storage/index.ts";
import { ipcLink } from "../ipc-link.ts";
import type { ScEnd, ScToSpu, SpuToSc } from "../link.ts";
import type { SpuLimits } from "./limits.ts";
import type { SpuOptions } from "./types.ts";

/** Carries the configuration: it may hold a private key, and arguments of a process are shown to every user. */
export const SPU_CONFIG_VARIABLE = "FLUVIO_SPU_CONFIG";

/** What an SPU process is started with; plain data, passed as JSON. */
export interface SpuProcessConfig {
  readonly id: number;
  readonly host: string;
  readonly port: number;
  /** Folder of this SPU's partitions. */
  readonly dataDir: string;
  readonly flush?: FlushMode;
  readonly limits?: Partial<SpuLimits>;
  readonly engineLimits?: Partial<EngineLimits>;
  /** Chains of SmartModules at the same time. */
  readonly chainsMax?: number;
  readonly retentionCheckMs?: number;
  readonly maxFrameBytes?: number;
  readonly tls?: NonNullable<SpuOptions["tls"]>;
  /** Level of the lines that it writes to its standard output, pino's names. Default `info`. */
  readonly logLevel?: string;
}

/** A started SPU process. It says `hello` on its link when it listens, and exits when the link is closed. */
export interface SpuProcess {
  readonly child: ChildProcess;
  readonly link: ScEnd;
}

export interface SpuSpawnOptions {
  /** File descriptor or stream for its log. Default: the parent's. */
  readonly output?: number | "inherit" | "ignore" | "pipe";
}

/**
 * Starts an SPU as a process of its own.
 * @throws FLV_FILE when the product is not built
 */
export function spawnSpu(config: SpuProcessConfig, options: SpuSpawnOptions = {}): SpuProcess {
  const output = options.output ?? "inherit";
  const child = fork(processEntry(), [], {
    env: { ...process.env, [SPU_CONFIG_VARIABLE]: JSON.stringify(config) },
    serialization: "advanced",
    stdio: ["ignore", output, output, "ipc"],
  });
  return { child, link: ipcLink<ScToSpu, SpuToSc>(child) };
}

/** Processes run built JavaScript, also when this code runs from source: Node 20 cannot load TypeScript. */
function processEntry(): URL {
  const here = import.meta.url;
  if (here.endsWith(".js")) return new URL("./process.js", here);
  const built = new URL("../../../dist/server/spu/process.js", here);
  if (existsSync(built)) return built;
  throw flvError("FLV_FILE", `the SPU's program is not built: ${built.pathname} is missing`, {
    hint: "run npm run build",
  });
}
