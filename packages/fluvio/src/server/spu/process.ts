/** Entry of an SPU that runs as a process of its own; its parent holds the SC and the other end of the IPC link. */
import { pino } from "pino";
import { flvError, isFluvioError, type Logger } from "../../protocol/index.ts";
import { createSmartEngine } from "../../smartengine/index.ts";
import { createLogEngine } from "../../storage/index.ts";
import { ipcLink } from "../ipc-link.ts";
import type { ScToSpu, SpuToSc } from "../link.ts";
import { messageOf } from "../message-of.ts";
import { SPU_CONFIG_VARIABLE, type SpuProcessConfig } from "./spawn.ts";
import { createSpu } from "./spu.ts";

async function run(config: SpuProcessConfig, logger: Logger): Promise<void> {
  const link = ipcLink<SpuToSc, ScToSpu>(process);
  let terminate = (): void => process.exit(0);
  process.on("SIGTERM", () => terminate());
  // Ctrl-C reaches the whole group: the parent decides when its SPUs end
  process.on("SIGINT", () => {});
  await using storage = await createLogEngine({ directory: config.dataDir, logger });
  await using engine = createSmartEngine({
    logger,
    limits: config.engineLimits ?? {},
    ...(config.chainsMax === undefined ? {} : { chainsMax: config.chainsMax }),
  });
  await using spu = await createSpu({
    id: config.id,
    link,
    storage,
    engine,
    host: config.host,
    port: config.port,
    logger,
    ...(config.flush === undefined ? {} : { flush: config.flush }),
    ...(config.limits === undefined ? {} : { limits: config.limits }),
    ...(config.retentionCheckMs === undefined ? {} : { retentionCheckMs: config.retentionCheckMs }),
    ...(config.maxFrameBytes === undefined ? {} : { maxFrameBytes: config.maxFrameBytes }),
    ...(config.tls === undefined ? {} : { tls: config.tls }),
  });
  terminate = () => void spu.close();
  await spu.closed;
}

function configOf(argument: string | undefined): SpuProcessConfig {
  if (argument === undefined || process.send === undefined) {
    throw flvError(
      "FLV_ARGUMENT",
      "an SPU process is started by its cluster, with its configuration and an IPC channel",
    );
  }
  return JSON.parse(argument) as SpuProcessConfig;
}

try {
  const config = configOf(process.env[SPU_CONFIG_VARIABLE]);
  const logger = pino({ level: config.logLevel ?? "info", base: { process: "spu", spu: config.id } });
  await run(config, logger);
  process.exit(0);
} catch (error) {
  const hint = isFluvioError(error) && error.hint !== undefined ? ` (${error.hint})` : "";
  process.stderr.write(`SPU: ${messageOf(error)}${hint}\n`);
  process.exit(1);
}
