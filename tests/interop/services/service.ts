import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { setTimeout as pause } from "node:timers/promises";

/** How a real system is started for a test. Its data is in a folder of the test, its port is free. */
export interface ServiceOptions {
  /** For messages. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** For systems that refuse to run as root. */
  readonly user?: { readonly uid: number; readonly gid: number };
  /** Resolves when the system answers; is called again until it does. */
  ready(): Promise<void>;
}

const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 15_000;
const POLL_MS = 50;

/** A system of its own process that tests start, stop, kill, freeze and start again with the same data. */
export class Service implements AsyncDisposable {
  readonly #options: ServiceOptions;
  #child: ChildProcess | undefined;
  #output = "";

  private constructor(options: ServiceOptions) {
    this.#options = options;
  }

  /** @throws with the output of the process when it ends or does not answer in time */
  static async start(options: ServiceOptions): Promise<Service> {
    const service = new Service(options);
    await service.start();
    return service;
  }

  async start(): Promise<void> {
    const { name, command, args, env, user } = this.#options;
    const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"], ...user });
    this.#child = child;
    let failure: Error | undefined;
    child.once("error", (error) => {
      failure = error;
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (chunk: Buffer) => {
        this.#output = (this.#output + chunk.toString()).slice(-20_000);
      });
    }
    const deadline = performance.now() + START_TIMEOUT_MS;
    for (;;) {
      if (failure !== undefined) throw new Error(`${name} is not installed: ${failure.message}`);
      if (child.exitCode !== null || child.signalCode !== null) throw new Error(`${name} ended:\n${this.#output}`);
      try {
        await this.#options.ready();
        return;
      } catch (error) {
        if (performance.now() > deadline) throw new Error(`${name} does not answer: ${String(error)}\n${this.#output}`);
      }
      await pause(POLL_MS);
    }
  }

  /** The last of what the process printed. */
  get output(): string {
    return this.#output;
  }

  /** Ends it as its operator would. */
  async stop(signal: "SIGTERM" | "SIGINT" | "SIGKILL" = "SIGTERM"): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill("SIGCONT");
    child.kill(signal);
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
    await ended;
    clearTimeout(timer);
  }

  /** Ends it at once, without a chance to tidy up. */
  kill(): Promise<void> {
    return this.stop("SIGKILL");
  }

  /** Freezes the process: connections stay, nothing is answered. */
  freeze(): void {
    this.#child?.kill("SIGSTOP");
  }

  thaw(): void {
    this.#child?.kill("SIGCONT");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** Resolves when something listens on the port of this machine. */
export async function listening(port: number): Promise<void> {
  const socket = connect({ port, host: "127.0.0.1" });
  try {
    await once(socket, "connect");
  } finally {
    socket.destroy();
  }
}
