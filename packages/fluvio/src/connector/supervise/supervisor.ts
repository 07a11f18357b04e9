import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { PackageStore } from "../../npm/index.ts";
import { flvError, type Logger, silentLogger } from "../../protocol/index.ts";
import type {
  ApplyOptions,
  ConnectorCounters,
  ConnectorHost,
  ConnectorStatus,
  ModuleSwitch,
  SecretLookup,
} from "../../server/index.ts";
import { CATALOGUE } from "../catalogue/catalogue.ts";
import { isPackageType } from "../catalogue/package-connector.ts";
import { type ConnectorConfig, decodeConfig, encodeConfig, redactSecrets } from "../file/config.ts";
import { loadConnectorFile } from "../file/load.ts";
import { resolveSecrets, secretsElsewhere } from "../file/secrets.ts";
import { hiddenTexts } from "../file/shown-config.ts";
import { refuseHidden, validateConnector } from "../options/validate.ts";
import { fileMarker, type StartMarker } from "../run/first-positions.ts";
import { hider } from "../run/hide.ts";
import { checkInProcess } from "./check-process.ts";
import { containerCommand, defaultRunner, processCommand } from "./child-command.ts";
import { RotatingLog } from "./rotating-log.ts";
import { StartGate } from "./start-gate.ts";
import {
  type ChildCommand,
  type ChildStart,
  SupervisedConnector,
  type SupervisionLimits,
} from "./supervised-connector.ts";
import { ConnectorTotals } from "./totals.ts";

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
  silentAfterMs: 4500,
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
  /** The whole configuration, JSON. */
  text: string;
  config: ConnectorConfig;
  /** As it may be shown. */
  shown: ConnectorConfig;
  isPaused: boolean;
  /** Counts what was asked for: a change that another one has overtaken is left out. */
  wanted: number;
  readonly log: Promise<RotatingLog>;
  readonly totals: ConnectorTotals;
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
  #secretLookup: SecretLookup = async () => undefined;
  #closed = false;

  constructor(options: ConnectorSupervisorOptions) {
    this.#options = options;
    this.#logger = options.logger ?? silentLogger;
    this.#gate = new StartGate(options.startsMax ?? 4);
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
  }

  async validate(bytes: Uint8Array): Promise<Uint8Array> {
    const config = loadConnectorFile(new TextDecoder().decode(bytes), WIRE_FILE);
    refuseHidden(config, WIRE_FILE);
    const lookup = await this.#lookupFor(config);
    if (isPackageType(config.type)) return encodeConfig(await this.#checkElsewhere(config, lookup));
    return encodeConfig(await validateConnector(config, WIRE_FILE, { lookup, packages: this.#packages() }));
  }

  /** The code of a package that is not part of the product only ever runs in processes of its own. */
  async #checkElsewhere(
    config: ConnectorConfig,
    lookup: (name: string) => string | undefined,
  ): Promise<ConnectorConfig> {
    const secrets = resolveSecrets(config, lookup, WIRE_FILE);
    const args = [this.#runner(), "--managed", "--check", "--packages", this.#packages().dir];
    const start: ChildStart = {
      command: { file: process.execPath, args, env: process.env },
      start: { type: "start", config: JSON.stringify(config), secrets, hasBegun: false },
      hide: hider(Object.values(secrets)),
    };
    await mkdir(this.#options.stateDirectory, { recursive: true });
    const shown = await checkInProcess(start, this.#logger.child({ connector: config.name }));
    return decodeConfig(new TextEncoder().encode(shown));
  }

  useSecrets(lookup: SecretLookup): void {
    this.#secretLookup = lookup;
  }

  /** What the cluster has of the secrets that a configuration does not have itself. */
  async #lookupFor(config: ConnectorConfig): Promise<(name: string) => string | undefined> {
    const names = secretsElsewhere(config);
    const found = await Promise.all(names.map(async (name) => [name, await this.#secretLookup(name)] as const));
    const values = new Map(found);
    return (name) => values.get(name);
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

  apply(name: string, bytes: Uint8Array, { shown, isPaused = false }: ApplyOptions = {}): void {
    if (this.#closed) return;
    const text = new TextDecoder().decode(bytes);
    const known = this.#slots.get(name);
    if (known?.text === text && known.isPaused === isPaused) return;
    const config = decodeConfig(bytes);
    const slot = known ?? this.#newSlot(name, text, config);
    slot.text = text;
    slot.config = config;
    slot.shown = shown === undefined ? redactSecrets(config) : decodeConfig(shown);
    slot.isPaused = isPaused;
    this.#slots.set(name, slot);
    this.#startAnew(slot);
  }

  #newSlot(name: string, text: string, config: ConnectorConfig): Slot {
    return {
      ...{ name, text, config, shown: config, isPaused: false, wanted: 0 },
      log: this.#openLog(name),
      totals: new ConnectorTotals(),
      connector: undefined,
      changes: Promise.resolve(),
    };
  }

  /** Ends what runs, and has what is wanted now run, if it is to run. */
  #startAnew(slot: Slot, moreRestarts = 0): void {
    const wanted = ++slot.wanted;
    void this.#change(slot, async () => {
      await slot.connector?.stop();
      if (this.#closed || this.#slots.get(slot.name) !== slot || slot.wanted !== wanted) return;
      const restarts = (slot.connector?.status.restarts ?? 0) + moreRestarts;
      if (slot.isPaused) this.#announce(slot, { resolution: "paused", reason: "", processId: undefined, restarts });
      else slot.connector = await this.#start(slot, restarts);
    });
  }

  restart(name: string): void {
    const slot = this.#slots.get(name);
    if (slot !== undefined && !slot.isPaused && !this.#closed) this.#startAnew(slot, 1);
  }

  async settled(name: string): Promise<void> {
    await this.#slots.get(name)?.changes;
  }

  async forget(name: string): Promise<void> {
    await rm(this.#markerPath(name), { force: true });
  }

  usersOfSecret(name: string): readonly string[] {
    const users = [...this.#slots.values()].filter(({ config }) => secretsElsewhere(config).includes(name));
    return users.map((slot) => slot.name).sort();
  }

  counters(): readonly ConnectorCounters[] {
    const slots = [...this.#slots.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
    return slots.map(({ name, config, totals, connector }) => ({
      ...totals.view(),
      modules: totals.modules(connector?.status.processId !== undefined),
      ...{ name, type: config.type, topic: config.topic, direction: directionOf(config) },
      restarts: connector?.status.restarts ?? 0,
      nextStartMs: connector?.nextStartMs,
    }));
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
    const status = slot.connector?.status;
    const fresh = { resolution: "initializing", reason: "", processId: undefined, restarts: 0 } as const;
    return status === undefined
      ? { ...fresh, ...(slot.isPaused ? { resolution: "paused" } : {}) }
      : shownStatus(slot, status);
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
      this.#announce(slot, { resolution: "failed", reason: String(error), processId: undefined, restarts: 0 });
    });
    return slot.changes;
  }

  #announce(slot: Slot, status: ConnectorStatus): void {
    if (this.#slots.get(slot.name) !== slot) return;
    for (const listener of this.#listeners) listener(slot.name, shownStatus(slot, status));
  }

  async #start(slot: Slot, restarts: number): Promise<SupervisedConnector> {
    const log = await slot.log;
    await mkdir(this.#options.stateDirectory, { recursive: true });
    await writeFile(this.#configPath(slot.name), encodeConfig(slot.shown), { mode: 0o600 });
    const { config, text, shown } = slot;
    return new SupervisedConnector({
      name: slot.name,
      prepare: () => this.#prepare(slot.name, { config, text, shown }),
      log,
      totals: slot.totals,
      restarts,
      gate: this.#gate,
      limits: this.#limits,
      logger: this.#logger,
      random: this.#options.random ?? Math.random,
      onStatus: (status) => this.#announce(slot, status),
      onBegun: () => this.#begun(slot.name),
    });
  }

  async #begun(name: string): Promise<void> {
    await this.#marker(name)
      .set()
      .catch((error: unknown) => {
        // At worst a sink that is stopped before its first record begins at the end again.
        this.#logger.warn({ connector: name, error: String(error) }, "a connector's start could not be remembered");
      });
  }

  async #prepare(name: string, { config, text, shown }: Pick<Slot, "config" | "text" | "shown">): Promise<ChildStart> {
    const lookup = await this.#lookupFor(config);
    const missing = secretsElsewhere(config).find((secret) => lookup(secret) === undefined);
    if (missing !== undefined) {
      throw flvError("FLV_SECRET_NOT_FOUND", `value not found for secret name ${missing}`, {
        details: { name: missing },
        hint: `set it with \`fluvio secret set ${missing}\``,
      });
    }
    const secrets = resolveSecrets(config, lookup, WIRE_FILE);
    return {
      command: await this.#command(name, config),
      start: { type: "start", config: text, secrets, hasBegun: await this.#marker(name).isSet() },
      hide: hider([...Object.values(secrets), ...hiddenTexts(config, shown)]),
    };
  }

  async #command(name: string, config: ConnectorConfig): Promise<ChildCommand> {
    const { profilePath } = this.#options;
    const place = { profilePath, endpoint: profilePath === undefined ? await this.#options.endpoint() : undefined };
    if (config.runtime === "container") return await containerCommand(config, place);
    const args = ["--config", this.#configPath(name), "--packages", this.#packages().dir];
    return processCommand(this.#runner(), args, place);
  }

  #configPath(name: string): string {
    return join(this.#options.stateDirectory, `${name}.json`);
  }

  /** Tells later starts of a sink that there was a first one. */
  #markerPath(name: string): string {
    return join(this.#options.stateDirectory, `${name}.begun`);
  }

  #marker(name: string): StartMarker {
    return fileMarker(this.#markerPath(name));
  }

  #openLog(name: string): Promise<RotatingLog> {
    return RotatingLog.open({
      path: join(this.#options.logDirectory, `connector_${name}.log`),
      fileSizeBytesMax: this.#options.logFileSizeBytesMax ?? 4 * 1024 * 1024,
      filesMax: LOG_FILES_MAX,
    });
  }
}

/** What stops because it was paused is paused. */
function shownStatus(slot: Slot, status: ConnectorStatus): ConnectorStatus {
  return slot.isPaused && status.resolution === "stopped" ? { ...status, resolution: "paused" } : status;
}

/** As its file says, or its type. */
function directionOf(config: ConnectorConfig): "source" | "sink" {
  const known = config.direction ?? CATALOGUE.find(({ types }) => types.includes(config.type))?.direction;
  return known ?? (/-sink\b/.test(config.type) ? "sink" : "source");
}
