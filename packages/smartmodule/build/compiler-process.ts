import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { type FluvioErrorCode, flvError } from "fluvio/protocol";
import type { BuiltSmartModule } from "./compile.ts";

/** What the compiler's process is asked. */
export interface CompilerTask {
  readonly folder: string;
  readonly entry: string;
  readonly optimize: boolean;
}

/** What it answers: the module, what is wrong with the source, or how the compiler itself failed. */
export type CompilerAnswer =
  | { readonly type: "built"; readonly built: BuiltSmartModule }
  | {
      readonly type: "refused";
      readonly code: FluvioErrorCode;
      readonly message: string;
      readonly hint: string | undefined;
      readonly details: Readonly<Record<string, unknown>>;
    }
  | { readonly type: "broke"; readonly reason: string };

/**
 * The compiler is a large wasm program that runs for a moment: compiling it a second time, for speed, would take longer
 * than the build.
 */
const EXEC_ARGS = ["--liftoff-only"];
const HINT =
  "The compiler can loop on endless recursion that it tries to inline: look for a function that calls itself";

/**
 * The compiler in a process of its own: a build that never ends can be ended, and the caller's process stays free. Builds
 * are made one after the other. The process starts with the first, and ends with {@link close} or with its parent.
 */
export class CompilerProcess {
  #child: ChildProcess | undefined;
  #last: Promise<unknown> = Promise.resolve();

  /** @throws FLV_SMARTMODULE_BUILD | FLV_FILE; the signal's reason */
  compile(task: CompilerTask, timeoutMs: number, signal?: AbortSignal): Promise<BuiltSmartModule> {
    const result = this.#last.then(() => this.#compile(task, timeoutMs, signal));
    this.#last = result.catch(() => {});
    return result;
  }

  async #compile(task: CompilerTask, timeoutMs: number, signal: AbortSignal | undefined): Promise<BuiltSmartModule> {
    signal?.throwIfAborted();
    this.#child ??= startChild();
    const answer = await ask(this.#child, task, timeoutMs, signal).catch((error: unknown) => {
      this.close();
      throw error;
    });
    if (answer.type === "built") return answer.built;
    if (answer.type === "broke") throw new Error(`the compiler failed: ${answer.reason}`);
    const { code, message, hint, details } = answer;
    throw flvError(code, message, { details, ...(hint === undefined ? {} : { hint }) });
  }

  close(): void {
    this.#child?.kill("SIGKILL");
    this.#child = undefined;
  }
}

/** Compiled beside this file; when this file runs from source, in the package that is built. */
function startChild(): ChildProcess {
  const here = import.meta.url.endsWith(".ts")
    ? "../../fluvio/dist/smartmodule/build/compiler-main.js"
    : "./compiler-main.js";
  const child = fork(fileURLToPath(new URL(here, import.meta.url)), {
    execArgv: EXEC_ARGS,
    serialization: "advanced",
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  // Nobody waits for an idle compiler: it ends when its parent does.
  child.unref();
  child.channel?.unref();
  return child;
}

function ask(
  child: ChildProcess,
  task: CompilerTask,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<CompilerAnswer> {
  return new Promise<CompilerAnswer>((resolve, reject) => {
    const onExit = (code: number | null, by: string | null) =>
      settle(() => reject(new Error(`the compiler's process ended: ${by ?? code}`)));
    const onError = (error: Error) => settle(() => reject(error));
    const onAnswer = (answer: unknown) => settle(() => resolve(answer as CompilerAnswer));
    const onAbort = () => settle(() => reject(signal?.reason));
    const sentence = `the compiler did not finish ${task.entry} within ${timeoutMs / 1000} s`;
    const onLate = () =>
      settle(() => reject(flvError("FLV_SMARTMODULE_BUILD", sentence, { details: { file: task.entry }, hint: HINT })));
    // Keeps the process awake while a build is under way.
    const timer = setTimeout(onLate, timeoutMs);
    const settle = (end: () => void): void => {
      clearTimeout(timer);
      child.off("exit", onExit).off("error", onError).off("message", onAnswer);
      signal?.removeEventListener("abort", onAbort);
      end();
    };
    child.on("exit", onExit).on("error", onError).on("message", onAnswer);
    signal?.addEventListener("abort", onAbort, { once: true });
    child.send(task);
  });
}
