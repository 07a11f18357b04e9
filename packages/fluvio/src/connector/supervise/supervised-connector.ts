import { type ChildProcess, spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { isFluvioError, type Logger } from "../../protocol/index.ts";
import type { ConnectorStatus } from "../../server/index.ts";
import { type Hide, hideIn } from "../run/hide.ts";
import { errorText } from "../run/line-logger.ts";
import { isRunnerMessage, type RunnerMessage, type StartMessage, type SupervisorMessage } from "./ipc.ts";
import { type Link, type LinkKind, linkToChild } from "./link.ts";
import type { RotatingLog } from "./rotating-log.ts";
import type { StartGate } from "./start-gate.ts";
import type { ConnectorTotals } from "./totals.ts";

export interface ChildCommand {
  readonly file: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** How it is talked to. Default: the channel of child processes. */
  readonly link?: LinkKind;
  /** Run after the process has ended, however it ended. */
  readonly cleanUp?: { readonly file: string; readonly args: readonly string[] };
}

/** How a process is started, and what it is told. */
export interface ChildStart {
  readonly command: ChildCommand;
  /** Secrets are in here, and nowhere else. */
  readonly start: StartMessage;
  /** Hides them in what the process writes and says. */
  readonly hide: Hide;
}

export interface SupervisionLimits {
  /** First pause before a restart; it doubles up to `restartDelayMaxMs`. */
  readonly restartDelayMs: number;
  readonly restartDelayMaxMs: number;
  /** A connector that ran this long begins with the first pause again. */
  readonly stableAfterMs: number;
  /** A process that says nothing for this long is ended and started again. */
  readonly heartbeatTimeoutMs: number;
  /** A process that says nothing for this long is said to be silent. */
  readonly silentAfterMs: number;
  /** A process that does not end this long after SIGTERM is killed. */
  readonly stopTimeoutMs: number;
}

export interface SupervisedOptions {
  readonly name: string;
  /** Asked at every start, for secrets may have changed. @throws why it cannot be started just now */
  prepare(): Promise<ChildStart>;
  readonly totals: ConnectorTotals;
  /** Starts of the process so far, after the first one. */
  readonly restarts: number;
  readonly log: RotatingLog;
  readonly gate: StartGate;
  readonly limits: SupervisionLimits;
  readonly logger: Logger;
  /** Between 0 and 1, spreads restarts. */
  readonly random: () => number;
  onStatus(status: ConnectorStatus): void;
  /** Remembers that it has begun to read, for {@link StartMessage.hasBegun}. */
  onBegun(): Promise<void>;
}

/** How one life of the process ended. */
interface Ending {
  readonly outcome: "finished" | "failed" | "invalid" | "stopped";
  readonly reason: string;
}

/** What {@link SupervisedConnector.switchModule} came to. */
export type SwitchOutcome = "switched" | "not in use" | { readonly failure: string };

/** How the log tells an end after which nothing is started again. */
const END_LEVEL = { finished: "INFO ", invalid: "ERROR", stopped: "ERROR" } as const;
/** How long what a process has written may take to come after its end. */
const OUTPUT_TIMEOUT_MS = 1000;
const RESOLUTION_AT_THE_END = { finished: "stopped", invalid: "invalid", stopped: "failed" } as const;

/** Keeps one connector's process alive until it is stopped, has nothing more to give, or can never work. */
export class SupervisedConnector {
  readonly #options: SupervisedOptions;
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;
  /** To the process that runs now. */
  #link: Link | undefined;
  readonly #switches = new Map<number, (outcome: SwitchOutcome) => void>();
  #lastSwitch = 0;
  #status: ConnectorStatus;
  /** What the process last said is in its way. */
  #trouble = "";
  #nextStartMs: number | undefined;

  constructor(options: SupervisedOptions) {
    this.#options = options;
    this.#status = { resolution: "initializing", reason: "", processId: undefined, restarts: options.restarts };
    this.#done = this.#keepAlive().catch((error: unknown) => {
      options.logger.error({ connector: options.name, error: String(error) }, "supervision of a connector ended");
      this.#report({ resolution: "failed", reason: String(error), processId: undefined });
    });
  }

  get status(): ConnectorStatus {
    return this.#status;
  }

  /** When it is started again, milliseconds since 1970; only while it waits for that. */
  get nextStartMs(): number | undefined {
    return this.#nextStartMs;
  }

  /** Ends the process (SIGTERM, it drains; SIGKILL when it does not) and resolves when it is gone. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#done;
  }

  /**
   * Has the running process load a SmartModule of the cluster anew. One that does not run has nothing to switch: it
   * loads what is stored when it starts.
   */
  async switchModule(name: string, timeoutMs: number): Promise<SwitchOutcome> {
    const link = this.#link;
    if (link === undefined || this.#status.resolution !== "running") return "not in use";
    const id = ++this.#lastSwitch;
    const message: SupervisorMessage = { type: "switch", id, name };
    return await new Promise((resolve) => {
      const settle = (outcome: SwitchOutcome): void => {
        clearTimeout(timer);
        this.#switches.delete(id);
        resolve(outcome);
      };
      const timer = setTimeout(() => settle({ failure: `no answer within ${timeoutMs} ms` }), timeoutMs);
      this.#switches.set(id, settle);
      // One that ends meanwhile settles all that wait.
      void link.send(message);
    });
  }

  #report(change: Partial<ConnectorStatus>): void {
    this.#status = { ...this.#status, ...change };
    this.#options.onStatus(this.#status);
  }

  async #keepAlive(): Promise<void> {
    const { limits, name, logger } = this.#options;
    const signal = this.#stop.signal;
    let failures = 0;
    while (!signal.aborted) {
      const startedMs = performance.now();
      const ending = await this.#live(signal);
      if (signal.aborted) break;
      if (ending.outcome !== "finished") this.#options.totals.wentWrong(ending.reason);
      if (ending.outcome !== "failed") {
        await this.#note(END_LEVEL[ending.outcome], `connector ended: ${ending.reason}`);
        this.#report({
          resolution: RESOLUTION_AT_THE_END[ending.outcome],
          reason: ending.reason,
          processId: undefined,
        });
        return;
      }
      failures = performance.now() - startedMs > limits.stableAfterMs ? 1 : failures + 1;
      const ceilingMs = Math.min(limits.restartDelayMaxMs, limits.restartDelayMs * 2 ** (failures - 1));
      const delayMs = Math.round(ceilingMs * (0.5 + this.#options.random() / 2));
      this.#nextStartMs = Date.now() + delayMs;
      this.#report({ resolution: "failed", reason: ending.reason, processId: undefined });
      logger.warn({ connector: name, reason: ending.reason, restartInMs: delayMs }, "connector failed");
      await this.#note("WARN ", `connector failed, starting again in ${delayMs} ms: ${ending.reason}`);
      await sleep(delayMs, undefined, { signal }).catch(() => {});
      this.#nextStartMs = undefined;
      if (!signal.aborted) this.#report({ restarts: this.#status.restarts + 1 });
    }
    this.#report({ resolution: "stopped", reason: "", processId: undefined });
  }

  /** A line of the supervisor's own in the connector's log. */
  async #note(level: string, text: string): Promise<void> {
    const line = `${new Date().toISOString()} ${level} ${text}\n`;
    await this.#options.log.append(new TextEncoder().encode(line)).catch((error: unknown) => this.#logFailed(error));
  }

  #logFailed(error: unknown): void {
    this.#options.logger.warn(
      { connector: this.#options.name, error: String(error) },
      "connector log cannot be written",
    );
  }

  /** One life of the process. */
  async #live(signal: AbortSignal): Promise<Ending> {
    if (this.#status.resolution !== "failed") this.#report({ resolution: "pending" });
    let leaveGate: () => void;
    try {
      leaveGate = await this.#options.gate.enter(signal);
    } catch {
      return { outcome: "finished", reason: "" };
    }
    try {
      return await this.#process(await this.#options.prepare(), signal, leaveGate);
    } catch (error) {
      return { outcome: "failed", reason: problemText(error) };
    } finally {
      leaveGate();
    }
  }

  async #process({ command, start, hide }: ChildStart, signal: AbortSignal, started: () => void): Promise<Ending> {
    if (signal.aborted) return { outcome: "finished", reason: "" };
    const { limits, totals } = this.#options;
    const { link: linkKind = "ipc" } = command;
    const child = spawn(command.file, [...command.args], {
      env: command.env,
      stdio: linkKind === "ipc" ? ["ignore", "pipe", "pipe", "ipc"] : ["pipe", "pipe", "pipe"],
    });
    const link = linkToChild(child, linkKind);
    this.#link = link;
    this.#trouble = "";
    totals.begin();
    void link.send(start);
    const timers = {
      heartbeat: undefined as NodeJS.Timeout | undefined,
      silence: undefined as NodeJS.Timeout | undefined,
      kill: undefined as NodeJS.Timeout | undefined,
    };
    let ending: Ending | undefined;
    const alive = (): void => {
      clearTimeout(timers.heartbeat);
      clearTimeout(timers.silence);
      timers.silence = setTimeout(() => this.#silent(), limits.silentAfterMs);
      timers.heartbeat = setTimeout(() => {
        ending = { outcome: "failed", reason: `no sign of life for ${limits.heartbeatTimeoutMs} ms` };
        child.kill("SIGKILL");
      }, limits.heartbeatTimeoutMs);
    };
    const stop = (): void => {
      child.kill("SIGTERM");
      timers.kill = setTimeout(() => child.kill("SIGKILL"), limits.stopTimeoutMs);
    };
    alive();
    link.onMessage((message) => {
      alive();
      this.#showTrouble();
      if (isRunnerMessage(message)) ending = this.#heard(hidden(message, hide), child, started) ?? ending;
    });
    signal.addEventListener("abort", stop, { once: true });
    const written = linkKind === "ipc" ? [child.stdout, child.stderr] : [child.stderr];
    const output = Promise.all(written.map((stream) => this.#copy(stream, hide)));
    const exit = await exited(child);
    this.#link = undefined;
    for (const settle of [...this.#switches.values()]) settle({ failure: "it ended meanwhile" });
    for (const timer of Object.values(timers)) clearTimeout(timer);
    signal.removeEventListener("abort", stop);
    // A process that it started and left behind may hold the other end of the pipes for ever.
    const given = setTimeout(() => {
      child.stdout?.destroy();
      child.stderr?.destroy();
    }, OUTPUT_TIMEOUT_MS);
    await output;
    clearTimeout(given);
    if (command.cleanUp !== undefined) await ended(command.cleanUp.file, command.cleanUp.args, command.env);
    return ending ?? { outcome: "failed", reason: exit };
  }

  #heard(message: RunnerMessage, child: ChildProcess, started: () => void): Ending | undefined {
    if (message.type === "running") {
      started();
      this.#report({ resolution: "running", reason: this.#trouble, processId: child.pid });
    }
    if (message.type === "begun") void this.#options.onBegun();
    if (message.type === "heartbeat" && message.counters !== undefined) this.#options.totals.counted(message.counters);
    if (message.type === "trouble") {
      this.#trouble = message.reason;
      if (message.reason !== "") this.#options.totals.wentWrong(message.reason);
      this.#showTrouble();
    }
    if (message.type === "switched") this.#switches.get(message.id)?.(outcomeOf(message));
    if (message.type === "stopped") return { outcome: "stopped", reason: message.reason };
    if (message.type === "finished") return { outcome: "finished", reason: "arrived at the end of its stream" };
    if (message.type === "failed") return { outcome: message.permanent ? "invalid" : "failed", reason: message.reason };
    return undefined;
  }

  /** A list shows what is in the way of a connector that runs. */
  #showTrouble(): void {
    if (this.#status.resolution !== "running" || this.#status.reason === this.#trouble) return;
    this.#report({ reason: this.#trouble });
  }

  #silent(): void {
    if (this.#status.resolution !== "running") return;
    this.#report({ reason: `has said nothing for ${this.#options.limits.silentAfterMs} ms` });
  }

  async #copy(stream: AsyncIterable<Uint8Array> | null, hide: Hide): Promise<void> {
    if (stream === null) return;
    try {
      for await (const chunk of hideIn(stream, hide)) {
        await this.#options.log.append(chunk).catch((error: unknown) => this.#logFailed(error));
      }
    } catch {
      // The pipe broke with the process; its end is handled where the process is.
    }
  }
}

/** The same message, without secrets in its reason. */
function hidden(message: RunnerMessage, hide: Hide): RunnerMessage {
  if (!("reason" in message) || message.reason === undefined) return message;
  return { ...message, reason: hide(message.reason) };
}

function problemText(error: unknown): string {
  if (!isFluvioError(error)) return errorText(error);
  return error.hint === undefined ? error.message : `${error.message}: ${error.hint}`;
}

function outcomeOf({ inUse, reason }: Extract<RunnerMessage, { type: "switched" }>): SwitchOutcome {
  if (reason !== undefined) return { failure: reason };
  return inUse ? "switched" : "not in use";
}

/** Resolves when a program has ended; what it says is not of interest. */
function ended(file: string, args: readonly string[], env: ChildCommand["env"]): Promise<void> {
  return new Promise((resolve) => {
    const child = spawn(file, [...args], { env, stdio: "ignore" });
    child.once("error", () => resolve());
    child.once("exit", () => resolve());
  });
}

/** Resolves with how the process ended, in words. */
function exited(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once("error", (error) => resolve(`could not be started: ${error.message}`));
    child.once("exit", (code, signal) => {
      resolve(signal === null ? `exited with code ${code}` : `was ended by ${signal}`);
    });
  });
}
