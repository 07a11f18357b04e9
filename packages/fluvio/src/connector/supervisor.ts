import { randomUUID } from "node:crypto";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { PackageStore } from "../npm/index.ts";
import { flvError, type Logger, silentLogger } from "../protocol/index.ts";
import type { ConnectorHost, ConnectorStatus, ModuleSwitch } from "../server/index.ts";
import { loadDefinition } from "./catalogue.ts";
import { checkOptions } from "./check.ts";
import { checkInProcess } from "./check-process.ts";
import { moduleReferences } from "./common-parameters.ts";
import { type ConnectorConfig, decodeConfig, encodeConfig, redactSecrets } from "./config.ts";
import { errorOptions } from "./error-options.ts";
import { loadConnectorFile } from "./load.ts";
import { isLocalFolder, isPackageType } from "./package-connector.ts";
import { RotatingLog } from "./rotating-log.ts";
import { fillSecrets, resolveSecrets } from "./secrets.ts";
import { sinkOptions } from "./sink-options.ts";
import { StartGate } from "./start-gate.ts";
import { type ChildCommand, SupervisedConnector, type SupervisionLimits } from "./supervised-connector.ts";

export interface ConnectorSupervisorOptions {
  /** `host:port` of the SC, asked when a connector starts: the port may not be known before. */
  endpoint(): string | Promise<string>;
  /** Configuration file whose active profile connectors use in place of `endpoint`: for a cluster that speaks TLS. */
  readonly profilePath?: string;
  /** Holds `connector_<name>.log` and its older files. */
  readonly logDirectory: string;
  /** Holds the configuration of each connector while it runs, without its secrets. */
  readonly stateDirectory: string;
  readonly logger?: Logger;
  readonly limits?: Partial<SupervisionLimits>;
  /** Connectors that may start at the same time. Default 4. */
  readonly startsMax?: number;
  /** Size at which a connector's log file is put aside, bytes. Default 4 MiB; three files are kept. */
  readonly logFileSizeBytesMax?: number;
  /** The program that runs a connector. Default: this product's. */
  readonly runnerPath?: string;
  readonly random?: () => number;
}

const DEFAULT_LIMITS: SupervisionLimits = {
  restartDelayMs: 1000,
  restartDelayMaxMs: 60_000,
  stableAfterMs: 60_000,
  heartbeatTimeoutMs: 30_000,
  stopTimeoutMs: 15_000,
};

const LOG_FILES_MAX = 3;
/** How long a connector may take to load a SmartModule anew. */
const SWITCH_TIMEOUT_MS = 30_000;
/** How messages name a configuration that came over the wire. */
const WIRE_FILE = "connector";

/** Runs each managed connector as a process of its own, restarts it, keeps its log. */
export function connectorSupervisor(options: ConnectorSupervisorOptions): ConnectorHost {
  return new Supervisor(options);
}

/** Everything of one connector. Its changes are made one after the other. */
interface Slot {
  readonly name: string;
  config: string;
  log: Promise<RotatingLog>;
  connector: SupervisedConnector | undefined;
  changes: Promise<void>;
}

class Supervisor implements ConnectorHost {
  readonly #options: ConnectorSupervisorOptions;
  readonly #logger: Logger;
  readonly #gate: StartGate;
  readonly #limits: SupervisionLimits;
  readonly #slots = new Map<string, Slot>();
  readonly #listeners: ((name: string, status: ConnectorStatus) => void)[] = [];
  #closed = false;

  constructor(options: ConnectorSupervisorOptions) {
    this.#options = options;
    this.#logger = options.logger ?? silentLogger;
    this.#gate = new StartGate(options.startsMax ?? 4);
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
  }

  async validate(bytes: Uint8Array): Promise<void> {
    const config = loadConnectorFile(new TextDecoder().decode(bytes), WIRE_FILE);
    if (isPackageType(config.type)) await this.#checkElsewhere(config);
    else await validateConnector(config, WIRE_FILE, { packages: this.#packages() });
  }

  /** The code of a package that is not part of the product only ever runs in processes of its own. */
  async #checkElsewhere(config: ConnectorConfig): Promise<void> {
    const path = join(this.#options.stateDirectory, `${config.name}.check-${randomUUID()}.json`);
    await mkdir(this.#options.stateDirectory, { recursive: true });
    await writeFile(path, encodeConfig(redactSecrets(config)), { mode: 0o600 });
    try {
      const args = [this.#runner(), "--check", "--config", path, "--packages", this.#packages().dir];
      const env = { ...process.env, ...config.secrets };
      await checkInProcess({ file: process.execPath, args, env }, this.#logger.child({ connector: config.name }));
    } finally {
      await rm(path, { force: true });
    }
  }

  #packages(): PackageStore {
    return {
      dir: join(this.#options.stateDirectory, "packages"),
      env: process.env,
      progress: (sentence) => this.#logger.info({}, sentence),
    };
  }

  #runner(): string {
    return this.#options.runnerPath ?? defaultRunner();
  }

  apply(name: string, bytes: Uint8Array): void {
    if (this.#closed) return;
    const text = new TextDecoder().decode(bytes);
    const known = this.#slots.get(name);
    if (known?.config === text) return;
    const slot: Slot = known ?? {
      name,
      config: text,
      log: this.#openLog(name),
      connector: undefined,
      changes: Promise.resolve(),
    };
    slot.config = text;
    this.#slots.set(name, slot);
    void this.#change(slot, async () => {
      await slot.connector?.stop();
      if (this.#closed || this.#slots.get(name) !== slot || slot.config !== text) return;
      slot.connector = await this.#start(slot, decodeConfig(bytes));
    });
  }

  async remove(name: string): Promise<void> {
    const slot = this.#slots.get(name);
    if (slot === undefined) return;
    this.#slots.delete(name);
    await this.#change(slot, async () => {
      await slot.connector?.stop();
      await (await slot.log).remove();
      await rm(this.#configPath(name), { force: true });
      await rm(this.#markerPath(name), { force: true });
    });
  }

  status(name: string): ConnectorStatus | undefined {
    const slot = this.#slots.get(name);
    if (slot === undefined) return undefined;
    return slot.connector?.status ?? { resolution: "initializing", reason: "", processId: undefined, restarts: 0 };
  }

  async smartModuleSwitched(name: string): Promise<ModuleSwitch> {
    const running = [...this.#slots.values()].flatMap(({ name: connector, connector: supervised }) =>
      supervised === undefined ? [] : [{ connector, outcome: supervised.switchModule(name, SWITCH_TIMEOUT_MS) }],
    );
    let switched = 0;
    const failures: string[] = [];
    for (const { connector, outcome: pending } of running) {
      const outcome = await pending;
      if (outcome === "switched") switched++;
      else if (outcome !== "not in use") failures.push(`Connector ${connector} goes on as before: ${outcome.failure}`);
    }
    return { switched, failures };
  }

  onStatus(listener: (name: string, status: ConnectorStatus) => void): void {
    this.#listeners.push(listener);
  }

  async *readLog(
    name: string,
    options: { fromByte: number; follow: boolean; signal: AbortSignal },
  ): AsyncIterable<Uint8Array> {
    const slot = this.#slots.get(name);
    if (slot === undefined) {
      throw flvError("FLV_CONNECTOR_NOT_FOUND", `Connector ${name} does not exist`, {
        hint: "List connectors with `fluvio connector list`",
        details: { name },
      });
    }
    yield* (await slot.log).read(options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    const slots = [...this.#slots.values()];
    await Promise.all(
      slots.map((slot) =>
        this.#change(slot, async () => {
          await slot.connector?.stop();
          await (await slot.log)[Symbol.asyncDispose]();
        }),
      ),
    );
  }

  #change(slot: Slot, work: () => Promise<void>): Promise<void> {
    slot.changes = slot.changes.then(work).catch((error: unknown) => {
      this.#logger.error({ connector: slot.name, error: String(error) }, "a connector could not be changed");
      this.#announce(slot.name, { resolution: "failed", reason: String(error), processId: undefined, restarts: 0 });
    });
    return slot.changes;
  }

  #announce(name: string, status: ConnectorStatus): void {
    if (this.#slots.has(name)) for (const listener of this.#listeners) listener(name, status);
  }

  async #start(slot: Slot, config: ConnectorConfig): Promise<SupervisedConnector> {
    const log = await slot.log;
    await mkdir(this.#options.stateDirectory, { recursive: true });
    await writeFile(this.#configPath(slot.name), encodeConfig(redactSecrets(config)), { mode: 0o600 });
    return new SupervisedConnector({
      name: slot.name,
      command: this.#command(slot.name, config, await this.#options.endpoint()),
      log,
      gate: this.#gate,
      limits: this.#limits,
      logger: this.#logger,
      random: this.#options.random ?? Math.random,
      onStatus: (status) => this.#announce(slot.name, status),
    });
  }

  #command(name: string, config: ConnectorConfig, endpoint: string): ChildCommand {
    const { profilePath } = this.#options;
    return {
      file: process.execPath,
      args: [
        this.#runner(),
        "--config",
        this.#configPath(name),
        "--marker",
        this.#markerPath(name),
        "--packages",
        this.#packages().dir,
        ...(profilePath === undefined ? ["--endpoint", endpoint] : []),
      ],
      env: {
        ...process.env,
        ...(profilePath === undefined ? {} : { FLV_PROFILE_PATH: profilePath }),
        ...config.secrets,
      },
    };
  }

  #configPath(name: string): string {
    return join(this.#options.stateDirectory, `${name}.json`);
  }

  /** Tells later starts of a sink that there was a first one. */
  #markerPath(name: string): string {
    return join(this.#options.stateDirectory, `${name}.begun`);
  }

  #openLog(name: string): Promise<RotatingLog> {
    return RotatingLog.open({
      path: join(this.#options.logDirectory, `connector_${name}.log`),
      fileSizeBytesMax: this.#options.logFileSizeBytesMax ?? 4 * 1024 * 1024,
      filesMax: LOG_FILES_MAX,
    });
  }
}

/** Compiled beside this file; when this file runs from source, in the package's `dist`. */
function defaultRunner(): string {
  const here = import.meta.url.endsWith(".ts") ? "../../dist/connector/runner-main.js" : "./runner-main.js";
  return fileURLToPath(new URL(here, import.meta.url));
}

interface ValidateOptions {
  /** Values of secrets that the configuration only declares. */
  lookup?(name: string): string | undefined;
  /**
   * Where drivers and packages are installed that are not part of the product. Without it nothing is installed, and of a
   * connector from the registry only its package's name is checked.
   */
  readonly packages?: PackageStore;
}

/**
 * Checks everything of a configuration that can be checked without running it: type, options, SmartModule parameters, secrets.
 * @throws FLV_CONNECTOR_INVALID | FLV_PACKAGE
 */
export async function validateConnector(
  config: ConnectorConfig,
  file: string,
  { lookup = () => undefined, packages }: ValidateOptions = {},
): Promise<void> {
  if (packages === undefined && isPackageType(config.type) && !isLocalFolder(config.type)) return;
  const definition = await loadDefinition(config, file, packages, { newest: true });
  const secrets = resolveSecrets(config, lookup, file);
  const filled = { ...config, parameters: fillSecrets(config.parameters, secrets, file) };
  checkOptions(definition, filled, file, secrets);
  moduleReferences(filled, definition.direction, file);
  if (definition.direction === "sink") sinkOptions(filled, file);
  else errorOptions(filled, "source", file);
}
