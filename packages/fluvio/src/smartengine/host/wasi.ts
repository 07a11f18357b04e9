import { randomFillSync } from "node:crypto";

const ERRNO_SUCCESS = 0;
const ERRNO_BADF = 8;
const ERRNO_FAULT = 21;
const ERRNO_NOSYS = 52;
const CHARACTER_DEVICE = 2;
const LINE_BYTES_MAX = 8192;
/** Lines of one call that are passed on; a module that prints without end must not fill the log. */
const LINES_PER_CALL_MAX = 200;
const SUBSCRIPTION_BYTES = 48;
const EVENT_BYTES = 32;

export type GuestStream = "stdout" | "stderr";
export type GuestOutput = (stream: GuestStream, line: string) => void;

/** Thrown through the guest when it asks to exit. */
class GuestExit extends Error {
  readonly status: number;
  constructor(status: number) {
    super(`the module called proc_exit(${status})`);
    this.status = status;
  }
}

type WasiFunction = (...args: never[]) => number;

/**
 * The part of WASI that a SmartModule gets: output lines, clocks, randomness. No arguments, environment, files or
 * network; what it does not have answers with "bad descriptor" or "not supported", as a host without them would.
 */
export class Wasi {
  private memory: WebAssembly.Memory | undefined;
  private readonly output: GuestOutput;
  private readonly partial: Record<GuestStream, string> = { stdout: "", stderr: "" };
  private lines = 0;
  private readonly decoder = new TextDecoder();

  constructor(output: GuestOutput) {
    this.output = output;
  }

  attach(memory: WebAssembly.Memory): void {
    this.memory = memory;
  }

  /** Ends unfinished lines and starts a new line budget; called after each call into the module. */
  endCall(): void {
    for (const stream of ["stdout", "stderr"] as const) {
      if (this.partial[stream] !== "") this.line(stream, this.partial[stream]);
      this.partial[stream] = "";
    }
    if (this.lines > LINES_PER_CALL_MAX) {
      this.output("stderr", `… ${this.lines - LINES_PER_CALL_MAX} more lines of one call are left out`);
    }
    this.lines = 0;
  }

  /** The function for an import, or `undefined` when WASI has none of that name. */
  function(module: string, name: string): WasiFunction | undefined {
    if (module !== "wasi_snapshot_preview1" && module !== "wasi_unstable") return undefined;
    // its subscriptions are laid out differently there
    if (module === "wasi_unstable" && name === "poll_oneoff") return () => ERRNO_NOSYS;
    const own = this.functions()[name];
    if (own !== undefined) return own;
    if (!KNOWN.has(name)) return undefined;
    return name.startsWith("proc_") ? () => ERRNO_NOSYS : () => ERRNO_BADF;
  }

  private functions(): Readonly<Record<string, WasiFunction>> {
    const empty = (countPtr: number, sizePtr: number) => {
      const view = this.view();
      view.setUint32(countPtr, 0, true);
      view.setUint32(sizePtr, 0, true);
      return ERRNO_SUCCESS;
    };
    return {
      args_get: () => ERRNO_SUCCESS,
      args_sizes_get: empty,
      environ_get: () => ERRNO_SUCCESS,
      environ_sizes_get: empty,
      clock_res_get: (_clock: number, ptr: number) => this.setTime(ptr, 1000n),
      clock_time_get: (clock: number, _precision: bigint, ptr: number) => this.setTime(ptr, nowNs(clock)),
      random_get: (ptr: number, length: number) => this.random(ptr, length),
      sched_yield: () => ERRNO_SUCCESS,
      proc_exit: (status: number) => {
        throw new GuestExit(status);
      },
      fd_write: (fd: number, iovs: number, count: number, writtenPtr: number) =>
        this.write(fd, iovs, count, writtenPtr),
      fd_read: (fd: number, _iovs: number, _count: number, readPtr: number) => {
        if (fd !== 0) return ERRNO_BADF;
        this.view().setUint32(readPtr, 0, true);
        return ERRNO_SUCCESS;
      },
      fd_close: (fd: number) => (isStandard(fd) ? ERRNO_SUCCESS : ERRNO_BADF),
      fd_fdstat_get: (fd: number, ptr: number) => {
        if (!isStandard(fd)) return ERRNO_BADF;
        const memory = new Uint8Array(this.view().buffer, ptr >>> 0, 24);
        memory.fill(0);
        memory[0] = CHARACTER_DEVICE;
        return ERRNO_SUCCESS;
      },
      poll_oneoff: (subscriptions: number, events: number, count: number, countPtr: number) =>
        this.poll(subscriptions >>> 0, events >>> 0, count >>> 0, countPtr >>> 0),
    };
  }

  private view(): DataView {
    const buffer = this.memory?.buffer ?? new ArrayBuffer(0);
    return new DataView(buffer);
  }

  private setTime(ptr: number, value: bigint): number {
    this.view().setBigUint64(ptr >>> 0, value, true);
    return ERRNO_SUCCESS;
  }

  private random(ptr: number, length: number): number {
    const { buffer } = this.view();
    if ((ptr >>> 0) + (length >>> 0) > buffer.byteLength) return ERRNO_FAULT;
    randomFillSync(new Uint8Array(buffer, ptr >>> 0, length >>> 0));
    return ERRNO_SUCCESS;
  }

  private write(fd: number, iovs: number, count: number, writtenPtr: number): number {
    if (fd !== 1 && fd !== 2) return ERRNO_BADF;
    const view = this.view();
    let written = 0;
    for (let i = 0; i < count >>> 0; i++) {
      const ptr = view.getUint32((iovs >>> 0) + i * 8, true);
      const length = view.getUint32((iovs >>> 0) + i * 8 + 4, true);
      if (ptr + length > view.byteLength) return ERRNO_FAULT;
      this.text(fd === 1 ? "stdout" : "stderr", new Uint8Array(view.buffer, ptr, length));
      written += length;
    }
    view.setUint32(writtenPtr >>> 0, written, true);
    return ERRNO_SUCCESS;
  }

  private text(stream: GuestStream, bytes: Uint8Array): void {
    // the rest of an overlong piece is cut: what is said in the first kilobytes identifies it
    const lines = (this.partial[stream] + this.decoder.decode(bytes.subarray(0, LINE_BYTES_MAX))).split("\n");
    this.partial[stream] = (lines.pop() ?? "").slice(0, LINE_BYTES_MAX);
    for (const line of lines) this.line(stream, line);
  }

  private line(stream: GuestStream, line: string): void {
    this.lines += 1;
    if (this.lines <= LINES_PER_CALL_MAX) this.output(stream, line.slice(0, LINE_BYTES_MAX));
  }

  /** Sleeps for the shortest clock subscription; the engine's time limit ends a sleep that is too long. */
  private poll(subscriptions: number, events: number, count: number, countPtr: number): number {
    const view = this.view();
    let shortestNs: bigint | undefined;
    for (let i = 0; i < count; i++) {
      const at = subscriptions + i * SUBSCRIPTION_BYTES;
      if (view.getUint8(at + 8) !== 0) continue;
      const timeoutNs = view.getBigUint64(at + 24, true);
      const absolute = (view.getUint16(at + 40, true) & 1) === 1;
      const leftNs = absolute ? timeoutNs - nowNs(view.getUint32(at + 16, true)) : timeoutNs;
      if (shortestNs === undefined || leftNs < shortestNs) shortestNs = leftNs;
    }
    if (shortestNs !== undefined && shortestNs > 0n) {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Number(shortestNs) / 1e6);
    }
    for (let i = 0; i < count; i++) {
      const event = new Uint8Array(view.buffer, events + i * EVENT_BYTES, EVENT_BYTES);
      event.fill(0);
      event.set(new Uint8Array(view.buffer, subscriptions + i * SUBSCRIPTION_BYTES, 8));
    }
    view.setUint32(countPtr, count, true);
    return ERRNO_SUCCESS;
  }
}

function isStandard(fd: number): boolean {
  return fd >= 0 && fd <= 2;
}

/** Clock 0 is the time of day, the others count from some start. */
function nowNs(clock: number): bigint {
  return clock === 0 ? BigInt(Date.now()) * 1_000_000n : process.hrtime.bigint();
}

/** Functions of WASI preview 1 (and its predecessor) beyond those above. */
const KNOWN: ReadonlySet<string> = new Set([
  "fd_advise",
  "fd_allocate",
  "fd_datasync",
  "fd_fdstat_set_flags",
  "fd_fdstat_set_rights",
  "fd_filestat_get",
  "fd_filestat_set_size",
  "fd_filestat_set_times",
  "fd_pread",
  "fd_prestat_dir_name",
  "fd_prestat_get",
  "fd_pwrite",
  "fd_readdir",
  "fd_renumber",
  "fd_seek",
  "fd_sync",
  "fd_tell",
  "path_create_directory",
  "path_filestat_get",
  "path_filestat_set_times",
  "path_link",
  "path_open",
  "path_readlink",
  "path_remove_directory",
  "path_rename",
  "path_symlink",
  "path_unlink_file",
  "proc_raise",
  "sock_accept",
  "sock_recv",
  "sock_send",
  "sock_shutdown",
]);
